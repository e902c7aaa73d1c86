//! How fast a queue is drained: by a loop around the same client, and by the queue trigger.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use horus_app::Settings;
use horus_bindings::storage::{Queue, Storage};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::Case;
use crate::app::{App, BATCH, THRESHOLD, drain};
use crate::arguments::Arguments;
use crate::process::Process;
use crate::queue_double::Control;
use crate::report::{Aim, Report};
use crate::stats::ratios;

pub(super) const CASE: Case =
    Case { name: "queue", about: "draining a queue: a bare client loop against the queue trigger", run };

/// The key that emulators use, known to everybody.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// How long the service takes for a request: as long as it needs, and as one that is a network away.
const DELAYS: [(Duration, &str); 2] =
    [(Duration::ZERO, "service without delay"), (Duration::from_millis(5), "service 5 ms away")];
/// As long as the trigger hides messages.
const INVISIBLE: Duration = Duration::from_secs(600);
const V4: &str = "const { app } = require('@azure/functions');\n\
     app.storageQueue('drain', { queueName: 'bench', connection: 'Bench', handler: () => {} });\n";

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let text = BASE64_STANDARD.encode("{\"order\":12345,\"item\":\"tea\",\"amount\":2}");
    for (delay, place) in DELAYS {
        let (_service, address) = Process::serve(&["queue", &delay.as_micros().to_string()])?;
        let control = Control { address };
        let connection = format!(
            "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};QueueEndpoint=http://{address}/devstoreaccount1"
        );
        let queue = client(&connection)?;
        let mut native = App::stub(arguments, &[drain()])?;
        let mut node = App::node_v4(arguments, V4)?;
        let mut figures: [(&str, Vec<f64>, Vec<f64>); 3] =
            ["bare client loop", "func, native worker", "func, node worker"]
                .map(|name| (name, vec![], vec![]));
        // One trigger at a time: two of them would share the backlog.
        for round in 0..=arguments.rounds {
            for (subject, (_, rates, cpu)) in figures.iter_mut().enumerate() {
                let app = [None, Some(&mut native), Some(&mut node)].into_iter().nth(subject).flatten();
                let (seconds, micros) = match app {
                    None => runtime.block_on(async {
                        control.fill(arguments.messages, &text).await?;
                        let before = crate::process::cpu_micros(std::process::id());
                        loop_until_empty(&queue).await?;
                        let cpu = crate::process::cpu_micros(std::process::id()) - before;
                        Ok::<_, anyhow::Error>((control.drained().await?, cpu))
                    })?,
                    Some(app) => {
                        app.set("Bench", &connection);
                        let (process, _target) = app.start(arguments)?;
                        triggered(&control, &process, arguments.messages, &text, runtime)?
                    }
                };
                if round > 0 {
                    rates.push(arguments.messages as f64 / seconds);
                    cpu.push(micros / arguments.messages as f64);
                }
            }
        }
        for (name, rates, cpu) in &figures {
            report.figure(format!("{name}, {place}"), "messages/s", rates);
            report.figure(format!("{name}, {place}"), "CPU µs/message", cpu);
        }
        let [(_, bare, _), rest @ ..] = &figures;
        for (name, rates, _) in rest {
            let aim = if delay.is_zero() { Aim::None } else { Aim::AtLeast(0.9) };
            report.goal(format!("{name} / bare loop, {place}"), ratios(rates, bare), aim);
        }
    }
    Ok(report)
}

/// Lets a running host drain a small backlog first, then the measured one: start-up and just-in-time compilers stay
/// out of the measurement.
fn triggered(
    control: &Control,
    process: &Process,
    messages: usize,
    text: &str,
    runtime: &Runtime,
) -> anyhow::Result<(f64, f64)> {
    runtime.block_on(async {
        for count in [messages / 4 + 1, messages] {
            let before = process.cpu_micros();
            control.fill(count, text).await?;
            let patience = Duration::from_secs(120);
            let seconds = tokio::time::timeout(patience, control.drained())
                .await
                .with_context(|| format!("the queue was not drained:\n{}", process.output()))??;
            if count == messages {
                return Ok((seconds, process.cpu_micros() - before));
            }
        }
        anyhow::bail!("there is nothing to drain")
    })
}

/// The reference: receives, awaits nothing, deletes; as many at once as the trigger.
async fn loop_until_empty(queue: &Queue) -> anyhow::Result<()> {
    let mut open = JoinSet::new();
    loop {
        let messages = queue.receive(BATCH, INVISIBLE).await?;
        if messages.is_empty() {
            while let Some(done) = open.join_next().await {
                done??;
            }
            return Ok(());
        }
        for message in messages {
            let queue = queue.clone();
            open.spawn(async move {
                std::hint::black_box(BASE64_STANDARD.decode(&message.text)?);
                queue.delete(&message.id, &message.pop_receipt).await?;
                Ok::<(), anyhow::Error>(())
            });
        }
        while open.len() > THRESHOLD {
            if let Some(done) = open.join_next().await {
                done??;
            }
        }
        while let Some(done) = open.try_join_next() {
            done??;
        }
    }
}

fn client(connection: &str) -> anyhow::Result<Queue> {
    let settings = Settings::from_pairs([("Bench".to_owned(), connection.to_owned())]);
    let connection = settings.storage_connection(Some("Bench"))?;
    Ok(Storage::new().queues(&connection)?.queue("bench")?)
}
