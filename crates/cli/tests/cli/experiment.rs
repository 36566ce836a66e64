//! `tsctl experiment` with programs in the place of Helm and kubectl that say what a cluster would.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use scheduler_client::testing::FakeScheduler;
use tempfile::TempDir;

use crate::{Ran, fake, tsctl};

/// What kubectl says: the pods of a release that stand still, in a namespace that is not there yet.
const KUBECTL: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "kubectl $*" >>"$here/log"
labels='"labels":{"app.kubernetes.io/instance":"task-scheduler","app.kubernetes.io/component"'
case "$*" in
*version*) echo '{"serverVersion":{"gitVersion":"v1.34.4"}}' ;;
*deployments,pods*) echo '{"items":[{"kind":"Deployment","metadata":{'"$labels"':"worker"}},"spec":{"replicas":1},"status":{"readyReplicas":1}},
  {"kind":"Pod","metadata":{'"$labels"':"worker"}},"spec":{"nodeName":"n"},"status":{"phase":"Running"}}]}' ;;
*get\ services*) echo '{"items":[{"metadata":{"name":"grpc-gateway",'"$labels"':"gateway"}},"spec":{"ports":[{"port":8080}]}}]}' ;;
*port-forward*) echo "Forwarding from $(cat "$here/address") -> 8080"; exec sleep 600 ;;
*metrics.k8s.io*) echo "the server could not find the requested resource" >&2; exit 1 ;;
*scaledobjects*) exit 1 ;;
*get\ secrets*) cat "$here/secrets" ;;
*get\ namespaces*) cat "$here/namespaces" ;;
*get*) echo '{"items":[]}' ;;
esac
"#;

const HELM: &str = r#"#!/bin/sh
echo "helm $*" >>"$(dirname "$0")/log"
case "$*" in
version*) echo v4.3.1 ;;
*dry-run*) ! grep -q wrong "$(dirname "$0")/a.yaml" || { echo "values don't meet the schema: /worker" >&2; exit 1; } ;;
esac
"#;

/// A folder with values files, a chart and both programs.
struct World {
    folder: TempDir,
    scheduler: FakeScheduler,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            scheduler: fake(),
        };
        world.write("kubectl", KUBECTL);
        world.write("helm", HELM);
        world.write("secrets", r#"{"items":[]}"#);
        world.write("namespaces", r#"{"items":[]}"#);
        world.write("address", world.scheduler.address().trim_start_matches("http://"));
        world.write("a.yaml", "worker: {poolSize: 5}\n");
        world.write("b.yaml", "worker: {poolSize: 10}\n");
        fs::create_dir(world.at("chart")).unwrap();
        world.write("chart/Chart.yaml", "name: task-scheduler\n");
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
        if Path::new(name).extension().is_none() {
            fs::set_permissions(self.at(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut all = vec!["experiment", "run"];
        all.extend(args);
        let mut command = tsctl("http://127.0.0.1:1", &all);
        for variable in ["GATEWAY", "NAMESPACE", "RELEASE"] {
            command.env_remove(variable);
        }
        command
            .current_dir(self.folder.path())
            .env("HELM", self.at("helm"))
            .env("KUBECTL", self.at("kubectl"));
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).spawn().unwrap())
    }
}

const SHORT: [&str; 8] = [
    "--stage", "0s:20", "--stage", "1s:20", "--settle", "0s", "--after", "0s",
];

#[test]
fn sides_are_compared_and_each_phase_is_a_line() {
    let world = World::new();
    let ran = world
        .run(&[&["a.yaml", "b.yaml", "--threshold", "lost==0"], &SHORT[..]].concat())
        .code(0);
    assert!(
        ran.out.contains("| Jobs lost | 0 | 0 | the same: 0 |"),
        "{}",
        ran.out
    );
    for phase in [
        ": installing",
        "sending jobs",
        "waiting for the drain",
        "uninstalling",
        "caught up after",
    ] {
        assert_eq!(
            ran.err.lines().filter(|line| line.contains(phase)).count(),
            2,
            "{phase}: {}",
            ran.err
        );
    }
    assert!(world.at("experiment/report.html").exists());
    let log = world.log();
    assert_eq!(
        log.lines()
            .filter(|line| line.starts_with("helm install") && line.contains("--wait "))
            .count(),
        2
    );
    assert_eq!(
        log.lines()
            .filter(|line| line.starts_with("helm uninstall"))
            .count(),
        2,
        "{log}"
    );
    assert!(
        log.contains("delete namespace task-scheduler-experiment"),
        "it was made here"
    );
}

#[test]
fn a_broken_threshold_is_exit_code_99() {
    let world = World::new();
    let ran = world
        .run(&[&["a.yaml", "--threshold", "succeeded>1k"], &SHORT[..]].concat())
        .code(99);
    assert!(
        ran.out.contains("run 1 (a): succeeded>1k is broken"),
        "{}",
        ran.out
    );
}

#[test]
fn bad_input_is_told_before_anything_is_installed() {
    let world = World::new();
    world.write("list.yaml", "- a\n");
    world.write("profile.yaml", "rate: 5\n");
    for (args, code, part) in [
        (&["missing.yaml"][..], 2, "missing.yaml: No such file"),
        (&["list.yaml"], 2, "must hold a map"),
        (&["a.yaml", "a.yaml"], 2, "called a"),
        (&["a.yaml", "--stage", "5"], 2, "DURATION:RATE"),
        (&["a.yaml", "--profile", "profile.yaml"], 2, "not a load profile"),
        (&["a.yaml", "--repeat", "0"], 2, "1 to 100"),
        (&["a.yaml", "--values", "missing.yaml"], 2, "no such file"),
        (&["a.yaml", "--out", "chart"], 2, "another folder"),
        (&["a.yaml", "--chart", "."], 2, "no Chart.yaml"),
        (&["a.yaml", "--helm", "no-such-helm"], 1, "--helm or HELM"),
        (&["a.yaml", "--kubectl", "false"], 6, "no cluster answers"),
        (&["a.yaml", "--kubectl", " "], 2, "must name a program"),
    ] {
        let ran = world.run(args).code(code);
        assert!(ran.err.contains(part), "{args:?}: {}", ran.err);
    }
    world.write("a.yaml", "wrong: 1\n");
    let ran = world.run(&["a.yaml"]).code(2);
    assert!(
        ran.err
            .contains("trying a.yaml on the cluster failed: values don't meet the schema"),
        "{}",
        ran.err
    );
    assert!(!world.log().contains("--wait "), "{}", world.log());
}

#[test]
fn somebody_elses_release_or_scheduler_is_left_alone() {
    let world = World::new();
    let gateway = world.scheduler.address();
    let ran = world.run(&["a.yaml", "--gateway", &gateway]).code(4);
    assert!(ran.err.contains("answers at"), "{}", ran.err);
    world.write(
        "namespaces",
        r#"{"items":[{"metadata":{"name":"task-scheduler-experiment"}}]}"#,
    );
    world.write(
        "secrets",
        r#"{"items":[{"metadata":{"labels":{"name":"theirs"}}}]}"#,
    );
    let ran = world.run(&["a.yaml"]).code(4);
    assert!(ran.err.contains("holds the release theirs"), "{}", ran.err);
    let log = world.log();
    assert!(!log.contains("install") && !log.contains("delete"), "{log}");
}

#[test]
fn ctrl_c_uninstalls_and_writes_the_report() {
    let world = World::new();
    let args = [
        "a.yaml", "--stage", "0s:20", "--stage", "10m:20", "--settle", "0s",
    ];
    let mut child = world.command(&args).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("sending jobs") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it ended before the load");
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let copied = std::thread::spawn(move || std::io::read_to_string(told).unwrap());
    Ran::of(child).code(130);
    assert!(copied.join().unwrap().contains("what was measured is written"));
    assert!(
        world.log().contains("helm uninstall task-scheduler"),
        "{}",
        world.log()
    );
    let report = fs::read_to_string(world.at("experiment/report.html")).unwrap();
    assert!(report.contains("\"interrupted\":true"));
}
