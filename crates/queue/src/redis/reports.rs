//! Reports as Redis keeps them: text, a line for each flow, that can be read with `redis-cli` too.

use async_trait::async_trait;
use redis::Value;
use scheduler_domain::{JobType, Priority, QueueName};

use super::call::Call;
use super::codec::{read_bytes, read_number};
use super::link::unexpected;
use super::timed::timed;
use super::{RedisQueue, micros, scripts};
use crate::report::REPORT_KEPT;
use crate::{Error, Flow, Report, Reported, Tally};

/// In place of a type that is not known. No type's name.
const UNKNOWN: &str = "*";
/// No process sees so much a second. Without a bound somebody else's figures could add up to what is no number, and to no workers.
const MOST: f64 = 1e15;

#[async_trait]
impl Tally for RedisQueue {
    async fn report(&self, process: &str, report: &Report) -> Result<(), Error> {
        let call = Call::script(&scripts::REPORT, &[&self.keys.reports()])
            .arg(self.skew())
            .arg(process)
            .arg(write(report))
            .arg(micros(REPORT_KEPT));
        timed("report", async {
            self.link.ask("reporting", call).await.map(drop)
        })
        .await
    }

    async fn reports(&self) -> Result<Vec<Reported>, Error> {
        const CONTEXT: &str = "reading reports";
        let call = Call::script(&scripts::REPORTS, &[&self.keys.reports()])
            .arg(self.skew())
            .arg(micros(REPORT_KEPT));
        timed("reports", async {
            let Value::Array(values) = self.link.ask(CONTEXT, call).await? else {
                return Err(unexpected(CONTEXT));
            };
            Ok(values.chunks_exact(2).filter_map(reported).collect())
        })
        .await
    }
}

pub(super) fn reported(pair: &[Value]) -> Option<Reported> {
    let age = u64::try_from(read_number(&pair[0])?.max(0)).ok()?;
    let text = std::str::from_utf8(read_bytes(&pair[1])?).ok()?;
    Some(Reported {
        age: std::time::Duration::from_micros(age),
        report: read(text)?,
    })
}

/// What is measured of a flow, in the order in which it is written.
pub(super) fn measures(flow: &Flow) -> [f64; 6] {
    [
        flow.arrived,
        flow.started,
        flow.ended,
        flow.lately,
        flow.runs,
        flow.busy,
    ]
}

pub(super) fn write(report: &Report) -> String {
    let mut text = report.slots.to_string();
    for flow in &report.flows {
        let job_type = flow.job_type.as_ref().map_or(UNKNOWN, JobType::as_str);
        let numbers = measures(flow).map(|number| format!("{number:.6}")).join(" ");
        let (queue, priority, running) = (&flow.queue, flow.priority.number(), flow.running);
        text.push_str(&format!("\n{queue} {priority} {job_type} {running} {numbers}"));
    }
    text
}

/// `None` where not even the first line is one of ours; other lines that are not are left out, as are columns of later versions.
pub(super) fn read(text: &str) -> Option<Report> {
    let mut lines = text.lines();
    let slots = lines.next()?.parse().ok()?;
    Some(Report {
        slots,
        flows: lines.filter_map(read_flow).collect(),
    })
}

fn read_flow(line: &str) -> Option<Flow> {
    let mut words = line.split(' ');
    let queue = QueueName::parse(words.next()?).ok()?;
    let priority = Priority::from_number(words.next()?.parse().ok()?)?;
    let job_type = match words.next()? {
        UNKNOWN => None,
        name => Some(JobType::parse(name).ok()?),
    };
    let running = words.next()?.parse().ok()?;
    let mut number = || {
        let number: f64 = words.next()?.parse().ok()?;
        (0.0..=MOST).contains(&number).then_some(number)
    };
    Some(Flow {
        queue,
        priority,
        job_type,
        running,
        arrived: number()?,
        started: number()?,
        ended: number()?,
        lately: number()?,
        runs: number()?,
        busy: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(job_type: Option<&str>) -> Flow {
        Flow {
            queue: QueueName::parse("eu.mail-1").unwrap(),
            priority: Priority::High,
            job_type: job_type.map(|name| JobType::parse(name).unwrap()),
            arrived: 1.5,
            started: 0.25,
            ended: 1_000_000.0,
            lately: 0.000_001,
            runs: 3.0,
            busy: 0.0,
            running: 7,
        }
    }

    #[test]
    fn a_report_is_read_back_as_it_was_written() {
        for flows in [vec![], vec![flow(Some("a:b/c")), flow(None), flow(Some("-"))]] {
            let report = Report { slots: 10, flows };
            assert_eq!(read(&write(&report)), Some(report));
        }
    }

    #[test]
    fn what_is_not_a_report_is_refused_and_bad_lines_are_left_out() {
        for rubbish in ["", "x", "-1", "1.5\n"] {
            assert_eq!(read(rubbish), None, "{rubbish:?}");
        }
        let good = write(&Report {
            slots: 1,
            flows: vec![flow(None)],
        });
        let rubbish = "\n\nq\nq 9 t 1 1 1 1 1 1 1\nq 1 t 1 NaN 1 1 1 1 1\nq 1 t 1 -1 1 1 1 1 1\nq 1 t 1 1 1";
        let later = format!("{good} 17{rubbish}");
        assert_eq!(read(&later).unwrap().flows, [flow(None)]);
    }
}
