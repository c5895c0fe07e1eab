//! What the aligner finds, against known truth: six protocols, some on request beside peers.
//!
//! ```text
//! cargo bench --bench alignment -- perturbed|analytic|real|settings|bound|pairs [--runs N] [--only WORDS] [--json]
//! python3 benches/peers/run.py alignment real     # the same with peers, which it installs
//! ```
//!
//! README.md beside this file says what each protocol does. Everything is drawn from fixed seeds: the
//! same command gives the same figures, but for times.
#![forbid(unsafe_code)]

#[path = "../../examples/support/mod.rs"]
mod support;

mod analytic;
mod bound;
mod contest;
mod pairs;
mod perturbed;
mod real;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use contest::{Contest, every_setting, settings};
use support::file::{self, Grey, Plane};
use table::Table;

/// Aligns images whose truth is known, and prints how often and how exactly it is found.
#[derive(Parser)]
struct Cli {
    /// Which protocols [default: all, one after the other]
    #[arg(value_enum)]
    protocols: Vec<Protocol>,

    /// Alignments in each cell of a table [default: the protocol's]
    #[arg(long)]
    runs: Option<usize>,

    /// Rows whose names contain these words
    #[arg(long, default_value = "")]
    only: String,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Only contestants whose names contain one of these words
    #[arg(long, value_name = "WORDS", value_delimiter = ',', default_value = "")]
    who: Vec<String>,

    /// Folder of `pairs`: where registration2d is [default: that of the environment's NONIUS_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// A Python that has the peers (benches/peers/run.py gives it)
    #[arg(long, value_name = "PYTHON")]
    peers: Option<PathBuf>,

    /// Put the tables between the markers of this file
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// From cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Protocol {
    /// Starts away from the truth by randomly moved points (Baker and Matthews 2004)
    Perturbed,
    /// A scene in closed form
    Analytic,
    /// Photographs under random warps, noise, gain and offset
    Real,
    /// The same by every option of the aligner, also where a part is covered
    Settings,
    /// The Cramer-Rao bound, bias over a pixel, and the covariance
    Bound,
    /// Real pairs from elsewhere, which are not in the repository
    Pairs,
}

/// What every protocol is asked.
struct Request {
    runs: Option<usize>,
    only: String,
}

impl Request {
    fn runs(&self, usual: usize) -> usize {
        self.runs.unwrap_or(usual).max(1)
    }

    /// Whether a row of this name is wanted.
    fn wants(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.only.to_lowercase().split_whitespace().all(|word| name.contains(word))
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    let request = Request { runs: cli.runs, only: cli.only.clone() };
    let mut contest = Contest::new(settings(), cli.peers.as_deref(), &cli.who)?;
    let chosen = if cli.protocols.is_empty() { Protocol::value_variants() } else { &cli.protocols };
    let mut tables: Vec<Table> = Vec::new();
    for protocol in chosen {
        tables.extend(match protocol {
            Protocol::Perturbed => perturbed::tables(&request, &mut contest)?,
            Protocol::Analytic => analytic::tables(&request, &mut contest)?,
            Protocol::Real => real::tables(&request, &mut contest)?,
            Protocol::Settings => {
                real::settings(&request, &mut Contest::new(every_setting(), None, &cli.who)?)?
            }
            Protocol::Bound => bound::tables(&request)?,
            Protocol::Pairs => pairs::tables(&request, cli.data.as_deref())?,
        });
    }
    if cli.json {
        let tables: Vec<_> = tables.iter().map(Table::json).collect();
        println!("{:#}", serde_json::Value::Array(tables));
    } else {
        let text: Vec<_> = tables.iter().map(Table::markdown).collect();
        println!("{}", text.join("\n"));
    }
    cli.write.as_deref().map_or(Ok(()), |file| {
        let mut text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        for table in &tables {
            let [begin, end] =
                ["begin", "end"].map(|place| format!("<!-- benches/alignment {}: {place} -->\n", table.name));
            let (Some(from), Some(to)) = (text.find(&begin), text.find(&end)) else {
                return Err(format!("{}: no markers {begin} and {end}", file.display()));
            };
            text.replace_range(from + begin.len()..to, &table.markdown());
        }
        std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
    })
}

/// A photograph of examples/images.
fn photograph(name: &str) -> Result<Plane<u8>, String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/images").join(name);
    match file::read(&path)? {
        Grey::U8(plane) => Ok(plane),
        Grey::U16(_) => Err(format!("{name}: 8 bits are expected")),
    }
}
