use std::io::{BufRead as _, BufReader};
use std::process::Command;

use scheduler_client::testing::Rpc;

use crate::{Ran, fake, run, tsctl};

#[test]
fn a_load_is_told_second_by_second_and_summed_up() {
    let fake = fake();
    let args = [
        "load",
        "--rate",
        "50",
        "--duration",
        "1100ms",
        "--mode",
        "e2e",
        "--threshold",
        "lost==0",
    ];
    let ran = run(&fake, &args).code(0);
    assert!(ran.out.contains("| `lost==0` | 0 | holds |"), "{}", ran.out);
    assert!(
        ran.err.lines().any(|line| line.contains("1s send   offered")),
        "{}",
        ran.err
    );
    assert_eq!(fake.calls(Rpc::Submit), 55);
}

#[test]
fn a_broken_threshold_is_exit_code_99_and_the_summary_is_there() {
    let fake = fake();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/result");
    let args = [
        "load",
        "--closed",
        "-c",
        "2",
        "--jobs",
        "20",
        "--batch",
        "5",
        "--threshold",
        "accepted>1k",
        "-o",
        "json",
        "-q",
        "--out",
        out.to_str().unwrap(),
    ];
    let ran = run(&fake, &args).code(99);
    assert_eq!(ran.json()["jobs"]["accepted"], 20);
    assert_eq!((ran.err.as_str(), fake.calls(Rpc::SubmitBatch)), ("", 4));
    for file in [
        "summary.json",
        "summary.schema.json",
        "summary.md",
        "timeseries.csv",
        "latency.hlog",
        "report.html",
    ] {
        assert!(out.join(file).metadata().unwrap().len() > 0, "{file}");
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_a_usage_error_before_anything_is_sent() {
    let fake = fake();
    for (args, part) in [
        (["--threshold", "lost==0"], "not measured with --mode submit"),
        (["--threshold", "speed>1"], "there is error_rate"),
        (["--rate", "0"], "nothing to send"),
        (["--stage", "10s"], "DURATION:RATE"),
        (["--mix", "noop=0"], "add up"),
        (["-c", "5"], "--closed"),
    ] {
        let ran = run(&fake, &[&["load"], &args[..]].concat()).code(2);
        assert!(ran.err.contains(part), "{args:?}: {}", ran.err);
    }
    assert_eq!(fake.calls(Rpc::Submit), 0);
}

#[test]
fn nobody_there_is_exit_code_6() {
    let ran = Ran::of(tsctl("http://127.0.0.1:1", &["load"]).spawn().unwrap()).code(6);
    assert!(ran.err.contains("start one: tsctl dev"), "{}", ran.err);
}

#[test]
fn ctrl_c_ends_the_sending_and_writes_the_report() {
    let fake = fake();
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "load",
        "--rate",
        "20",
        "--duration",
        "10m",
        "--out",
        folder.path().to_str().unwrap(),
    ];
    let mut child = tsctl(&fake.address(), &args).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    told.read_line(&mut String::new()).unwrap();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
    let ran = Ran::of(child).code(130);
    assert!(ran.out.contains("the run was interrupted"), "{}", ran.out);
    assert!(folder.path().join("report.html").exists());
}
