//! A client that costs next to nothing, so that what is measured is the server: HTTP/1.1 on one
//! kept connection, for answers that give their length.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        let text = String::from_utf8_lossy(&self.body);
        ensure!(self.status < 300, "answered with {}: {text}", self.status);
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }
}

impl Connection {
    pub async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::new() })
    }

    pub async fn get(&mut self, path: &str, headers: &str) -> Result<Answer> {
        self.send("GET", path, headers, "").await?;
        self.answer().await
    }

    pub async fn post(&mut self, path: &str, headers: &str, body: &Value) -> Result<Answer> {
        self.send_json(path, headers, body).await?;
        self.answer().await
    }

    /// Only sends: the answer may take its time.
    pub async fn send_json(&mut self, path: &str, headers: &str, body: &Value) -> Result<()> {
        self.send("POST", path, headers, &body.to_string()).await
    }

    /// `headers` are whole lines, each with its line end.
    async fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Result<()> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    pub async fn answer(&mut self) -> Result<Answer> {
        tokio::time::timeout(Duration::from_secs(60), self.read()).await.context("no answer")?
    }

    async fn read(&mut self) -> Result<Answer> {
        let head_end = loop {
            if let Some(at) = self.received.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.received[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = match length {
            Some(length) => length.trim().parse()?,
            None if status == 204 => 0,
            None => bail!("an answer without a length: {head}"),
        };
        while self.received.len() < head_end + length {
            self.more().await?;
        }
        let mut whole: Vec<u8> = self.received.drain(..head_end + length).collect();
        Ok(Answer { status, body: whole.split_off(head_end) })
    }

    async fn more(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.received).await?;
        ensure!(read > 0, "the connection was closed in the middle");
        Ok(())
    }
}
