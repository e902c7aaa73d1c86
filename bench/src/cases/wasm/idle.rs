//! Memory of a host with many guests.

use std::path::Path;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::guest;
use crate::app::App;
use crate::arguments::Arguments;
use crate::cases::Case;
use crate::load::{Target, first_answer};
use crate::report::{Aim, Report};

pub(in crate::cases) const CASE: Case =
    Case { name: "wasm-idle", about: "memory of a host with a hundred loaded guests", run };

const GUESTS: usize = 100;
/// Long enough for buffers of the start to be gone.
const SETTLE: Duration = Duration::from_secs(3);

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let folder = tempfile::tempdir()?;
    let one = std::fs::read(guest(arguments, "rust"))?;
    let guests = (0..GUESTS)
        .map(|n| {
            let file = folder.path().join(format!("{n}.wasm"));
            different(&one, n, &file)?;
            Ok((if n == 0 { "hello".to_owned() } else { format!("hello{n}") }, file))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    // Compiling leaves memory behind that a start with compiled code never needs: `App::wasm` has another process do it.
    let app = App::wasm(arguments, &guests, &serde_json::json!({}))?;
    for (what, called) in [("loaded", 1), ("loaded and called once each", GUESTS)] {
        let (mut process, target) = app.start(arguments)?;
        for (name, _) in &guests[..called] {
            let target = Target { path: format!("/api/{name}"), ..target.clone() };
            runtime.block_on(first_answer(&mut process, &target))?;
        }
        std::thread::sleep(SETTLE);
        let subject = format!("func, {GUESTS} components, {what}");
        let rss = process.rss_mib();
        report.figure(subject.clone(), "host RSS MiB", &[rss]);
        report.figure(subject.clone(), "of it its own", &[process.own_mib()]);
        let aim = if called == 1 { Aim::AtMost(60.0) } else { Aim::None };
        report.goal(format!("{subject}, MiB"), vec![rss], aim);
    }
    Ok(report)
}

/// Writes `component` with a section at its end that nobody reads, so that no two files share their code.
fn different(component: &[u8], n: usize, file: &Path) -> anyhow::Result<()> {
    let name = format!("copy{n:03}");
    // Section 0: its size, the length of its name, the name.
    let mut bytes = component.to_vec();
    bytes.push(0);
    bytes.push(u8::try_from(name.len() + 1)?);
    bytes.push(u8::try_from(name.len())?);
    bytes.extend_from_slice(name.as_bytes());
    Ok(std::fs::write(file, bytes)?)
}
