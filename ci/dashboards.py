#!/usr/bin/env python3
"""Writes the chart's Grafana dashboards: chart/files/dashboards/*.json.

  ci/dashboards.py           writes them
  ci/dashboards.py --check   fails when they are not what this would write

Both fail when a panel, or an alert of the chart, asks for a metric that no crate records. Grafana's own
JSON is long and its order accidental; this table is what is reviewed.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "chart/files/dashboards"
RULES = ROOT / "chart/templates/monitoring/prometheusrule.yaml"

# Metrics of others, which no crate can vouch for: Envoy, CockroachDB, kube-state-metrics, Prometheus.
FOREIGN = re.compile(r"(envoy|kube)_.*|ranges_(un|under).*|capacity(_available)?|up|sql_conns"
                     r"|sql_service_latency_bucket|txn_restarts.*|seconds_until_enterprise_license_expiry")

# A panel: title, unit, and its lines as (query, legend). HERE is the namespace that was chosen.
HERE = 'namespace="$namespace"'


def rate(metric, by, extra="", over="$__rate_interval"):
    labels = ", ".join(filter(None, [extra, HERE]))
    return f"sum by ({by}) (rate({metric}{{{labels}}}[{over}]))" if by else f"sum(rate({metric}{{{labels}}}[{over}]))"


def quantiles(metric, by="", extra=""):
    labels = ", ".join(filter(None, [extra, HERE]))
    groups = ", ".join(filter(None, ["le", by]))
    suffix = f" {{{{{by}}}}}" if by else ""
    return [(f"histogram_quantile({q}, sum by ({groups}) (rate({metric}_bucket{{{labels}}}[$__rate_interval])))",
             f"p{round(q * 100)}{suffix}") for q in (0.5, 0.95, 0.99)]


def gauge(metric, by="", how="max"):
    # Every process that tends the queue reports the same queue, hence the maximum and not the sum.
    return f"{how} by ({by}) ({metric}{{{HERE}}})" if by else f"{how}({metric}{{{HERE}}})"


DASHBOARDS = {
    "jobs": ("Task scheduler / Jobs", "What is asked for, what waits, and how it ends.", [
        ("Submitted", "cps", [(rate("jobs_submitted_total", "priority"), "{{priority}}")]),
        ("Refused", "cps", [(rate("jobs_submitted_errors_total", "error_type"), "{{error_type}}")]),
        ("Attempts ended", "cps", [(rate("jobs_processed_total", "status"), "{{status}}")]),
        ("Ready, by priority", "short", [(gauge("queue_depth", "priority"), "{{priority}}")]),
        ("Age of the oldest ready job", "s", [(gauge("queue_oldest_age_seconds", "priority"), "{{priority}}")]),
        ("Running and delayed", "short", [(gauge("processing_queue_depth"), "leased"), (gauge("queue_delayed"), "delayed")]),
        ("From ready to its start", "s", quantiles("job_wait_seconds")),
        ("From acceptance to success", "s", quantiles("job_end_to_end_seconds")),
        ("Retried", "cps", [(rate("jobs_retried_total", "priority"), "{{priority}}")]),
        ("Dead letters", "cps", [(rate("jobs_deadlettered_total", "priority"), "{{priority}}"),
                                 (rate("jobs_crashed_out_total", ""), "crashed too often")]),
        ("Taken back from silent workers", "cps", [(rate("reaper_jobs_recovered_total", "priority"), "{{priority}}")]),
        ("Found again, and rebuilds", "short", [(rate("reconciler_jobs_recovered_total", ""), "jobs found again a second"),
                                                (f"sum(increase(queue_rebuilds_total{{{HERE}}}[5m]))", "rebuilds in 5 min")]),
    ]),
    "workers": ("Task scheduler / Workers", "Who runs jobs, how busy they are, and what slows them down.", [
        ("Workers whose heartbeats arrive", "short", [(gauge("workers_alive"), "workers")]),
        ("Places for attempts", "short", [(gauge("worker_slots", "state", "sum"), "{{state}}")]),
        ("Running, by pod", "short", [(gauge("worker_inflight_jobs", "pod", "sum"), "{{pod}}")]),
        ("Attempts ended, by pod", "cps", [(rate("jobs_processed_total", "pod"), "{{pod}}")]),
        ("Length of attempts", "s", quantiles("job_processing_duration_seconds", "job_type")),
        ("Leased and not begun", "short", [(gauge("worker_buffered_jobs", "pod", "sum"), "{{pod}}")]),
        ("Handed back, and of no effect", "cps", [(rate("jobs_handed_back_total", "state"), "{{state}}"),
                                                  (rate("jobs_fenced_total", ""), "fenced")]),
        ("Redis calls", "s", [(q, l) for q, l in quantiles("queue_call_duration_seconds", "operation") if l.startswith("p99")]),
        ("Redis errors", "cps", [(rate("queue_errors_total", "operation"), "{{operation}}")]),
        ("Background loops that failed", "cps", [(rate("engine_upkeep_failed_total", "loop"), "{{loop}}")]),
        ("Processor time", "percentunit", [(rate("process_cpu_seconds_total", "pod"), "{{pod}}")]),
        ("Memory", "bytes", [(gauge("process_resident_memory_bytes", "pod", "sum"), "{{pod}}")]),
    ]),
    "api": ("Task scheduler / API, gateway, database", "Calls, who answers them, and what they wait for.", [
        ("Calls, by method", "reqps", [(rate("grpc_requests_total", "method"), "{{method}}")]),
        ("Calls, by pod", "reqps", [(rate("grpc_requests_total", "pod"), "{{pod}}")]),
        ("Failed calls", "reqps", [(rate("grpc_requests_total", "method", 'status="error"'), "{{method}}")]),
        ("Length of submits", "s", quantiles("grpc_request_duration_seconds", "", 'method=~".*SubmitJobs?"')),
        ("Calls per batch", "short", quantiles("engine_batch_calls", "lane")),
        ("Database calls", "s", [(q, l) for q, l in quantiles("store_call_duration_seconds", "operation") if l.startswith("p99")]),
        ("Wait for a connection", "s", quantiles("store_pool_wait_seconds")),
        ("Tries repeated", "cps", [(rate("store_retries_total", "operation"), "{{operation}}"),
                                   (rate("store_ambiguous_commits_total", ""), "outcome unknown")]),
        ("Gateway: calls upstream", "reqps", [(rate("envoy_cluster_upstream_rq_total", "envoy_cluster_name"), "{{envoy_cluster_name}}")]),
        ("Gateway: overflow, retries, ejections", "cps", [
            (rate("envoy_cluster_upstream_rq_pending_overflow", ""), "overflow"),
            (rate("envoy_cluster_upstream_rq_retry", ""), "retries"),
            (rate("envoy_cluster_outlier_detection_ejections_enforced_total", ""), "ejections")]),
        ("CockroachDB: SQL latency", "ns", quantiles("sql_service_latency")),
        ("CockroachDB: ranges in trouble", "short", [(gauge("ranges_underreplicated", "", "sum"), "too few copies"),
                                                     (gauge("ranges_unavailable", "", "sum"), "no majority")]),
    ]),
}


def panel(number, title, unit, lines):
    return {
        "id": number + 1, "type": "timeseries", "title": title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": 8, "w": 8, "x": number % 3 * 8, "y": number // 3 * 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 8, "showPoints": "never"}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [{"refId": chr(65 + i), "expr": query, "legendFormat": legend} for i, (query, legend) in enumerate(lines)],
    }


def dashboard(name, title, description, panels):
    return {
        "uid": f"task-scheduler-{name}", "title": title, "description": description, "tags": ["task-scheduler"],
        "schemaVersion": 39, "version": 1, "editable": True, "timezone": "", "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"},
            {"name": "namespace", "type": "query", "label": "Namespace", "refresh": 2,
             "datasource": {"type": "prometheus", "uid": "${datasource}"},
             "query": {"query": "label_values(scheduler_build_info, namespace)", "refId": "namespace"}},
        ]},
        "panels": [panel(i, *p) for i, p in enumerate(panels)],
    }


def recorded():
    """Every name in quotes in the crates that could be a metric's."""
    names = set()
    for source in ROOT.glob("crates/*/src/**/*.rs"):
        names |= set(re.findall(r'"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)"', source.read_text()))
    return names


def asked(query):
    """The metrics that a query asks for: what stands before a brace."""
    return set(re.findall(r"\b([a-z][a-z0-9_]*)\{", query))


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    faults = []
    names = recorded()
    queries = [(title, q) for title, _, panels in DASHBOARDS.values() for _, _, lines in panels for q, _ in lines]
    queries += [(RULES.name, line) for line in RULES.read_text().splitlines() if "annotations" not in line]
    for where, query in queries:
        for metric in asked(query):
            if not FOREIGN.fullmatch(metric) and re.sub(r"_bucket$", "", metric) not in names:
                faults.append(f"{where}: no crate records {metric}")
    for name, (title, description, panels) in DASHBOARDS.items():
        path = TARGET / f"{name}.json"
        text = json.dumps(dashboard(name, title, description, panels), indent=1) + "\n"
        if not check:
            TARGET.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            faults.append(f"{path.relative_to(ROOT)} is out of date: run ci/dashboards.py")
    if faults:
        sys.exit("\n".join(faults))


main()
