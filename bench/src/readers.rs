//! Readers that ask for the same page again and again.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::{allocator::Allocator, connection::Request};

pub struct Readers {
    pub at_once: usize,
    pub seconds: f64,
}

pub struct Read {
    pub times: Vec<Duration>,
    /// Pages per second.
    pub rate: f64,
    /// Of one page.
    pub bytes: usize,
}

impl Readers {
    /// With further headers, each with its line end.
    pub async fn read(&self, allocator: &Allocator, path: &str, more: &str) -> Result<Read> {
        let headers = format!("{}{more}", headers(path));
        let mut connections = Vec::new();
        for _ in 0..self.at_once {
            connections.push(allocator.connect().await?);
        }
        let longest = Duration::from_secs_f64(self.seconds);
        let mut readers = JoinSet::new();
        let start = Instant::now();
        for mut connection in connections {
            let (request, path) = (Request::get(path, &headers), path.to_owned());
            readers.spawn(async move {
                let (mut times, mut bytes) = (Vec::new(), 0);
                while start.elapsed() < longest {
                    let asked = Instant::now();
                    let answer = connection.ask(&request).await?;
                    ensure!(matches!(answer.status, 200 | 304), "{path}: {}", answer.status);
                    times.push(asked.elapsed());
                    bytes = answer.body().len();
                }
                Ok::<_, anyhow::Error>((times, bytes))
            });
        }
        let (mut times, mut bytes) = (Vec::new(), 0);
        while let Some(read) = readers.join_next().await {
            let (some, size) = read??;
            times.extend(some);
            bytes = size;
        }
        let rate = times.len() as f64 / start.elapsed().as_secs_f64();
        Ok(Read { times, rate, bytes })
    }
}

/// The organiser's: in a browser what is a page, and as a program what is not.
pub fn headers(path: &str) -> String {
    let accept = if path.starts_with("/api/") { "*/*" } else { "text/html" };
    format!("{}Accept: {accept}\r\n", Allocator::admin())
}
