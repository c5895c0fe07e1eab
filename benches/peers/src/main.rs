//! Times nonius and the Rust peers on request: `run.py` asks, one line each, and gets one line back.
//!
//! | request | answer |
//! |---|---|
//! | `levels` | the levels of nonius, the fastest last |
//! | `prepare WHO OPERATION KERNEL PIXEL N,C,H,W DIRECTORY` | `ready ID`, or `absent` |
//! | `time ID REPEAT` | nanoseconds of processor time of one call, the mean of that many |
//! | `write ID FILE` | `written`: the result of the last call, raw |
//! | `forget` | `forgotten`: all that was prepared |
//!
//! WHO is `imageproc`, `kornia` or a level of nonius. The directory holds the inputs as raw files.
//! Numbers are in the machine's byte order. `worker.py` answers the same for OpenCV and PyTorch.

mod case;
mod imageproc;
mod kornia;
mod nonius;

use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, Write};

use case::{Case, Contestant};
use rustix::time::{ClockId, clock_gettime};

fn main() -> io::Result<()> {
    let mut contestants = Vec::new();
    for line in io::stdin().lock().lines() {
        let answer = answer(&line?, &mut contestants)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// What this process has had of the processor, in nanoseconds: what else runs on the machine does not count.
fn processor_time() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn answer(line: &str, contestants: &mut Vec<Box<dyn Contestant>>) -> io::Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |word: &str| word.parse::<usize>().map_err(io::Error::other);
    match words[..] {
        ["levels"] => {
            Ok(::nonius::Level::available().map(|level| level.name()).collect::<Vec<_>>().join(" "))
        }
        ["prepare", who, operation, kernel, pixel, shape, directory] => {
            let shape = shape.split(',').map(number).collect::<io::Result<Vec<_>>>()?;
            let shape = shape.try_into().map_err(|_| io::Error::other("four sides"))?;
            let case = Case { operation, kernel, pixel, shape, directory: directory.as_ref() };
            let contestant = match who {
                "imageproc" => imageproc::prepare(&case),
                "kornia" => kornia::prepare(&case),
                level => nonius::prepare(&case, level),
            };
            Ok(contestant.map_or("absent".into(), |contestant| {
                contestants.push(contestant);
                format!("ready {}", contestants.len() - 1)
            }))
        }
        ["time", id, repeat] => {
            let (contestant, repeat) = (&mut contestants[number(id)?], number(repeat)?);
            let start = processor_time();
            for _ in 0..repeat {
                black_box(&mut *contestant).run();
            }
            Ok(format!("{}", (processor_time() - start) as f64 / repeat as f64))
        }
        ["write", id, file] => {
            fs::write(file, contestants[number(id)?].output())?;
            Ok("written".into())
        }
        ["forget"] => {
            contestants.clear();
            Ok("forgotten".into())
        }
        _ => Err(io::Error::other(format!("what is `{line}`?"))),
    }
}
