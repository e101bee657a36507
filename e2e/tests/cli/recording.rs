//! The whole way as a screen recording (asciicast 2), for the guide: `make recording`.

use std::{fs, path::Path, process::Stdio, time::Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::cloud::Stage;

const WIDTH: u32 = 110;
const HEIGHT: u32 = 32;
const CAST: &str = "../docs/images/whole-way.cast";

/// What is typed, and what is answered to its question.
type Line<'a> = (Vec<&'a str>, &'a str);

#[tokio::test]
#[ignore = "writes a file of the guide"]
async fn the_whole_way_is_recorded() -> Result<()> {
    let Some(mut stage) = Stage::new()? else { return Ok(()) };
    fs::remove_file(stage.file("config/config.yaml"))?;
    let image = stage.image()?;
    let mut cast = Cast::new();
    let init = Stage::init_words("g4dn.xlarge", &image, "20");
    cast.plays(&stage, (init.iter().map(String::as_str).collect(), "")).await?;
    cast.plays(&stage, (vec!["setup", "--environment", "test"], "y")).await?;
    stage.deploys();
    stage.logs_directly()?;
    let zip = "--var=log_forwarder_zip=tests/fixtures/forwarder.zip";
    let lines: [Line<'_>; 8] = [
        (vec!["deploy", "--environment", "test", zip], "y"),
        (vec!["verify", "--config", "config/config.yaml", "--environment", "test"], ""),
        (vec!["launch", "3", "--hours", "2"], ""),
        (vec!["vms"], ""),
        (vec!["status"], ""),
        (vec!["stats"], ""),
        (vec!["destroy", "--environment", "test", zip], "test\n"),
        (vec!["cleanup", "--environment", "test", "--check"], ""),
    ];
    for line in lines {
        cast.plays(&stage, line).await?;
    }
    Ok(fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(CAST), cast.text)?)
}

struct Cast {
    text: String,
    begun: Instant,
}

impl Cast {
    fn new() -> Self {
        // Players pass over the minutes in which Terraform works.
        let head = json!({ "version": 2, "width": WIDTH, "height": HEIGHT,
                           "idle_time_limit": 1.5, "title": "lablink: the whole way" });
        Self { text: format!("{head}\n"), begun: Instant::now() }
    }

    fn shows(&mut self, what: &str) {
        let at = (self.begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        self.text += &format!("{}\n", json!([at, "o", what]));
    }

    /// On a terminal, as a person sees it.
    async fn plays(&mut self, stage: &Stage, (words, answer): Line<'_>) -> Result<()> {
        self.shows(&format!("$ lablink {}\r\n", words.join(" ")));
        let mut on_terminal = stage.lablink.on_terminal(&words, WIDTH, HEIGHT)?;
        on_terminal.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = on_terminal.spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        let mut out = child.stdout.take().context("no standard output")?;
        let mut piece = [0; 4096];
        let mut is_asked = !answer.is_empty();
        loop {
            let length = out.read(&mut piece).await?;
            if length == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&piece[..length]).into_owned();
            if is_asked && (text.contains("[y/N]") || text.contains("Type test")) {
                stdin.write_all(answer.as_bytes()).await?;
                is_asked = false;
            }
            self.shows(&text);
        }
        let ended = child.wait().await?;
        ensure!(ended.success(), "{words:?}: {}", self.text);
        Ok(())
    }
}
