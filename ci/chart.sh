#!/usr/bin/env bash
# Everything that can be said of the chart without installing it. Goes on after a finding, and fails at the
# end.
#
#   ci/chart.sh [CHECK]…   all when none is named: docs copies lint render golden bad unit envoy versions typed
#   UPDATE_GOLDENS=1 ci/chart.sh      writes ci/golden anew; read the difference before committing it
#   KUBECONFIG=… ci/chart.sh typed    has that cluster's API server check every object, and store none
#
# HELM and KUBECTL say how they are run, when not as `helm` and `kubectl`.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

read -ra helm <<<"${HELM:-helm}"
read -ra kubectl <<<"${KUBECTL:-kubectl}"
if [[ -z ${HELM-} ]] && ! have helm; then die 'no helm: run ci/install.sh chart'; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() { say "SKIPPED: $*"; }

# Values files by name: the defaults, each experiment, and what no experiment turns on.
declare -A cases=([defaults]=chart/values.yaml)
for file in values/*.yaml ci/values/*.yaml; do
  name=${file##*/}
  cases[${name%.yaml}]=$file
done
mapfile -t names < <(printf '%s\n' "${!cases[@]}" | sort)

# As if for a cluster that has all kinds, of a version that does not change with Helm's.
render() { # VALUES [ARGUMENT]…
  local values=$1
  shift
  "${helm[@]}" template task-scheduler chart --namespace task-scheduler --kube-version v1.37.0 \
    --set assumeCrds=true --values "$values" "$@"
}

check_docs() { # the table of the README is of these values
  python3 ci/chart-docs.py --check
}

check_copies() { # Helm reads no file outside of the chart
  local from=crates/proto/src/generated/descriptors.binpb to=chart/files/envoy/descriptors.binpb
  if [[ -n ${UPDATE_GOLDENS-} ]]; then
    cp "$from" "$to"
  else
    cmp "$from" "$to" || die "copy $from to $to, or run UPDATE_GOLDENS=1 ci/chart.sh"
  fi
}

check_lint() {
  local name
  for name in "${names[@]}"; do
    "${helm[@]}" lint --strict --quiet --kube-version v1.37.0 chart --set assumeCrds=true \
      --values "${cases[$name]}" || die "helm lint: ${cases[$name]}"
  done
}

render_for() { # MINOR VALUES: nothing where the values say that they ask for a newer version
  render "$2" --kube-version "v1.$1.0" 2>"$work/err" ||
    grep -q 'Kubernetes 1\.3[5-7]' "$work/err" || { cat "$work/err" >&2 && return 1; }
}

# On every version of Kubernetes that there is, under another name, and as part of another chart.
check_render() {
  local name version twice
  for name in "${names[@]}"; do
    for version in 34 35 36 37; do render_for "$version" "${cases[$name]}" >"$work/out"; done
    render "${cases[$name]}" >"$work/once"
    render "${cases[$name]}" | cmp - "$work/once" || die "$name renders differently each time"
    # `replicas` belongs to whoever counts the pods.
    python3 - "$work/once" <<'PY' || die "$name: see above"
import sys, yaml
objects = [o for o in yaml.safe_load_all(open(sys.argv[1])) if o]
scaled = {}
for o in objects:
    if o["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
        scaled.setdefault(o["spec"]["scaleTargetRef"]["name"], []).append(o["kind"])
bad = [f"{name} is scaled by {kinds}" for name, kinds in scaled.items() if len(kinds) > 1]
seen = set()
for o in objects:
    key = (o["kind"], o["metadata"]["name"])
    if key in seen: bad.append(f"twice: {key}")
    seen.add(key)
    if o["kind"] == "Deployment" and o["metadata"]["name"] in scaled and "replicas" in o["spec"]:
        bad.append(f"{key[1]} has replicas and an autoscaler")
    if o["metadata"].get("namespace") != "task-scheduler": bad.append(f"no namespace: {key}")
    pod = o["spec"] if o["kind"] == "Pod" else o.get("spec", {}).get("template", {}).get("spec") or {}
    for c in pod.get("containers", []) + pod.get("initContainers", []):
        s = c.get("securityContext", {})
        if not s.get("readOnlyRootFilesystem") or s.get("allowPrivilegeEscalation") or s.get("capabilities") != {"drop": ["ALL"]}:
            bad.append(f"{key} {c['name']}: securityContext {s}")
    if pod and (pod.get("automountServiceAccountToken") is not False or not pod["securityContext"].get("runAsNonRoot")):
        bad.append(f"{key}: not restricted")
if bad: print("\n".join(bad), file=sys.stderr)
sys.exit(bool(bad))
PY
  done
  # Two releases in one namespace must not have a name in common.
  render chart/values.yaml >"$work/one"
  "${helm[@]}" template other chart --namespace task-scheduler --kube-version v1.37.0 >"$work/other"
  twice=$(for file in one other; do
    python3 -c 'import sys, yaml
for o in yaml.safe_load_all(sys.stdin):
    if o: print(o["kind"], o["metadata"]["name"])' <"$work/$file"
  done | sort | uniq -d)
  [[ -z $twice ]] || die "both releases have: $twice"
  # As a dependency it is given `global`, and nothing of its own may be in the way.
  mkdir -p "$work/parent/charts"
  cp -r chart "$work/parent/charts/task-scheduler"
  printf 'apiVersion: v2\nname: parent\nversion: 0.1.0\n' >"$work/parent/Chart.yaml"
  printf 'global: {imageRegistry: registry.example, other: 1}\n' >"$work/parent/values.yaml"
  "${helm[@]}" template parent "$work/parent" --kube-version v1.37.0 >"$work/out"
  grep -q 'image: registry.example/scheduler-api:local' "$work/out"
}

check_golden() {
  local name status=0
  mkdir -p ci/golden
  for name in "${names[@]}"; do
    # Without the descriptors: their copy is checked above.
    render "${cases[$name]}" | sed 's/^\(  descriptors.binpb: \).*/\1…/' >"$work/out"
    if [[ -n ${UPDATE_GOLDENS-} ]]; then
      mv "$work/out" "ci/golden/$name.yaml"
    else
      # Helm 3 leaves out empty lines that Helm 4 writes.
      diff -u --label "ci/golden/$name.yaml" --label rendered \
        <(sed '/^ *$/d' "ci/golden/$name.yaml") <(sed '/^ *$/d' "$work/out") || status=1
    fi
  done
  for file in ci/golden/*.yaml; do
    name=${file##*/}
    if [[ -z ${cases[${name%.yaml}]-} ]]; then
      say "$file: no such values file any more"
      [[ -n ${UPDATE_GOLDENS-} ]] && rm "$file" || status=1
    fi
  done
  ((status == 0)) || say 'if that is what was meant: UPDATE_GOLDENS=1 ci/chart.sh golden'
  return "$status"
}

check_bad() { # each is refused, and the message has what its first line says
  local file want arguments count=0 status=0
  for file in ci/bad-values/*.yaml; do
    want=$(sed -n '1s/^# expect: //p' "$file")
    read -ra arguments <<<"$(sed -n '2s/^# arguments: //p' "$file")"
    [[ -n $want ]] || die "$file: the first line is not '# expect: …'"
    count=$((count + 1))
    if "${helm[@]}" template task-scheduler chart --namespace task-scheduler --kube-version v1.34.0 \
      --values "$file" "${arguments[@]}" >/dev/null 2>"$work/err"; then
      say "$file: was taken"
      status=1
    elif ! grep -qF -- "$want" "$work/err"; then
      say "$file: expected '$want' in:"
      cat "$work/err" >&2
      status=1
    fi
  done
  say "$count bad values files refused"
  ((count >= 30)) || die "only $count bad values files"
  return "$status"
}

check_unit() {
  if have helm-unittest; then
    helm-unittest --strict chart
  else
    skip 'helm unittest: there is no Go here to build it with'
  fi
}

check_envoy() { # the configuration of every values file, by Envoy itself
  local name
  # Files that Secrets and ConfigMaps would bring.
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
  cp "$work/tls.crt" "$work/ca.crt"
  openssl rsa -in "$work/tls.key" -modulus -noout | python3 -c 'import base64, json, sys
modulus = bytes.fromhex(sys.stdin.read().strip().removeprefix("Modulus="))
n = base64.urlsafe_b64encode(modulus).rstrip(b"=").decode()
print(json.dumps({"keys": [{"kty": "RSA", "alg": "RS256", "kid": "1", "e": "AQAB", "n": n}]}))' >"$work/jwks.json"
  cp chart/files/envoy/descriptors.binpb "$work/"
  for name in "${names[@]}"; do
    render "${cases[$name]}" | WORK=$work python3 -c 'import os, re, sys, yaml
for o in yaml.safe_load_all(sys.stdin):
    if o and o["kind"] == "ConfigMap":
        for key in ("envoy.yaml", "tls.yaml"):
            if key in (o.get("data") or {}):
                text = re.sub(r"/etc/envoy(-tls|-client-ca|-jwks)?(?=[/}])", os.environ["WORK"], o["data"][key])
                open(os.path.join(os.environ["WORK"], key), "w").write(text)' || return 1
    [[ -f $work/envoy.yaml ]] || continue
    "${ENVOY_BIN:-envoy}" --mode validate --log-level error --config-path "$work/envoy.yaml" || die "envoy: $name"
    rm -f "$work/envoy.yaml" "$work/tls.yaml"
  done
}

check_versions() { # unknown fields and wrong types, by the types of every version of Kubernetes
  local name minor status=0
  # Beside the workspace, for only one version can be built at a time.
  typed() { # COMMAND MINOR
    cargo "$1" --quiet --locked --manifest-path ci/typed/Cargo.toml --target-dir target/typed --features "v1_$2" >&2
  }
  for minor in 34 35 36 37; do
    for name in "${names[@]}"; do
      render_for "$minor" "${cases[$name]}"
      echo ---
    done | python3 -c 'import json, sys, yaml
for o in yaml.load_all(sys.stdin, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    if o: print(json.dumps(o))' >"$work/objects"
    say "Kubernetes 1.$minor"
    typed run "$minor" <"$work/objects" || status=1
  done
  # Whether it finds anything at all.
  typed test "$minor" || status=1
  return "$status"
}

check_typed() { # the same, by an API server
  local name
  if [[ -z ${KUBECONFIG-} ]]; then
    skip 'typed check: KUBECONFIG names no cluster'
    return
  fi
  # Objects are checked in their namespace, and bare pods need its account to be there.
  if ! "${kubectl[@]}" get namespace task-scheduler >/dev/null 2>&1; then
    "${kubectl[@]}" create namespace task-scheduler >&2
    trap '"${kubectl[@]}" delete namespace task-scheduler --wait=false >&2' EXIT
    "${kubectl[@]}" wait --for=create serviceaccount/default --namespace task-scheduler --timeout 30s >&2
  fi
  for name in "${names[@]}"; do
    # Kinds that only operators bring are left out where those are not.
    render "${cases[$name]}" --set serviceAccount.create=false --set serviceAccount.name=default | python3 -c 'import sys, yaml
known = sys.argv[1].split()
keep = [o for o in yaml.safe_load_all(sys.stdin) if o and o["apiVersion"] in known]
yaml.safe_dump_all(keep, sys.stdout)' "$("${kubectl[@]}" api-versions | tr '\n' ' ')" >"$work/out"
    "${kubectl[@]}" apply --dry-run=server --validate=strict --filename "$work/out" >/dev/null || die "typed: $name"
  done
}

checks=("$@")
((${#checks[@]})) || checks=(docs copies lint render golden bad unit envoy versions typed)
failed=()
for name in "${checks[@]}"; do
  [[ $(type -t "check_$name") == function ]] || die "no such check: $name"
  step "chart: $name"
  # In the background, because `set -e` sleeps in a command whose status is tested.
  status=0
  (trap - INT EXIT && "check_$name") &
  wait $! || status=$?
  ((status == 0)) || failed+=("$name")
done
((${#failed[@]} == 0)) || die "findings in: ${failed[*]}"
