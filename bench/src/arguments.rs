//! What to measure, and with which programs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cases;

/// The command line, understood.
#[derive(Debug)]
pub(crate) struct Arguments {
    names: Vec<String>,
    /// Print the cases instead of running them.
    pub(crate) list: bool,
    /// Machine-readable output.
    pub(crate) json: bool,
    /// Rounds per subject; reference and subject take turns.
    pub(crate) rounds: usize,
    /// Length of one round of load.
    pub(crate) round: Duration,
    /// Messages per queue drain.
    pub(crate) messages: usize,
    /// The host under test.
    pub(crate) func: PathBuf,
    /// The native worker.
    pub(crate) stub: PathBuf,
    /// The repository.
    pub(crate) repository: PathBuf,
    /// Where things are built.
    pub(crate) target: PathBuf,
}

impl Arguments {
    /// Reads the words of a command line.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let beside = std::env::current_exe()?.parent().context("this program has a folder")?.to_owned();
        let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize();
        let target = beside.parent().context("programs are built in a folder of their own")?.to_owned();
        let mut arguments = Self {
            names: Vec::new(),
            list: false,
            json: false,
            rounds: 5,
            round: Duration::from_secs(3),
            messages: 4000,
            func: beside.join("func"),
            stub: beside.join("horus-stub-worker"),
            repository: repository.context("the repository this program was built from is gone")?,
            target,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--list" => arguments.list = true,
                "--json" => arguments.json = true,
                "--quick" => {
                    arguments.rounds = 3;
                    arguments.round = Duration::from_millis(700);
                    arguments.messages = 1000;
                }
                "--rounds" => arguments.rounds = value()?.parse().context("--rounds")?,
                "--seconds" => {
                    arguments.round = Duration::from_secs_f64(value()?.parse().context("--seconds")?);
                }
                "--func" => arguments.func = value()?.into(),
                "--stub" => arguments.stub = value()?.into(),
                option if option.starts_with('-') => bail!(
                    "{option} is not known. Options: --quick --rounds N --seconds S --json --list --func PATH --stub PATH"
                ),
                name if cases::ALL.iter().any(|case| case.name == name) => arguments.names.push(name.into()),
                name => bail!("there is no case '{name}'; --list shows them"),
            }
        }
        if arguments.rounds == 0 || arguments.round.is_zero() {
            bail!("at least one round of some length is needed");
        }
        for program in [&arguments.func, &arguments.stub] {
            if !arguments.list && !program.is_file() {
                bail!("{} is missing; bench/run builds it", program.display());
            }
        }
        Ok(arguments)
    }

    /// Whether the case was asked for; without names all are.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}
