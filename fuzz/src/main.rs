//! `horus-fuzz TARGET [--seconds S | --inputs N] [--seed N] [--replay FILE]` (see README.md).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use horus_fuzz::run::{self, Budget};
use horus_fuzz::targets;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match fuzz(&words) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn fuzz(words: &[String]) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    let (mut name, mut budget, mut seed) = (None, Budget::Time(Duration::from_secs(60)), targets::any_seed());
    let mut replay: Option<PathBuf> = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--list" => {
                for target in targets::all()? {
                    writeln!(out, "{:<18} {}", target.name(), target.about())?;
                }
                return Ok(ExitCode::SUCCESS);
            }
            "--seconds" => budget = Budget::Time(Duration::from_secs(value()?.parse().context("--seconds")?)),
            "--inputs" => budget = Budget::Inputs(value()?.parse().context("--inputs")?),
            "--seed" => seed = value()?.parse().context("--seed")?,
            "--replay" => replay = Some(value()?.into()),
            option if option.starts_with('-') => bail!("{option} is not known; see fuzz/README.md"),
            word => name = Some(word.to_owned()),
        }
    }
    let name = name.context("which target? --list shows them")?;
    let all = targets::all()?;
    let target = all.iter().find(|target| target.name() == name);
    let target = target.with_context(|| format!("there is no target '{name}'; --list shows them"))?.as_ref();
    if let Some(file) = replay {
        let input = std::fs::read(&file).with_context(|| file.display().to_string())?;
        return match run::attempt(target, &input) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(message) => bail!("it still fails: {message}"),
        };
    }
    writeln!(out, "{name}: seed {seed}")?;
    match run::run(target, seed, budget) {
        Ok(inputs) => {
            writeln!(out, "{name}: {inputs} inputs, nothing found")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(finding) => {
            let file = Path::new("horus-fuzz-finding.bin");
            std::fs::write(file, &finding.input)?;
            let number = finding.number;
            bail!(
                "input {number} of seed {seed}: {}\n{} bytes are in {}; replay with: horus-fuzz {name} --replay {}",
                finding.message,
                finding.input.len(),
                file.display(),
                file.display()
            )
        }
    }
}
