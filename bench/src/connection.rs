//! A client that costs next to nothing, so that what is measured is the server: HTTP/1.1 on one
//! kept connection, for answers that give their length. Requests are written out beforehand, and
//! answers are read as JSON afterwards.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The bytes of a request. `headers` are whole lines, each with its line end.
pub struct Request(Vec<u8>);

impl Request {
    pub fn get(path: &str, headers: &str) -> Self {
        Self::new("GET", path, headers, "")
    }

    pub fn post(path: &str, headers: &str, body: &Value) -> Self {
        Self::new("POST", path, headers, &body.to_string())
    }

    fn new(method: &str, path: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        Self(text.into_bytes())
    }
}

pub struct Answer {
    pub status: u16,
    message: Vec<u8>,
    head_end: usize,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(self.good()?).with_context(|| format!("no JSON: {}", self.text()))
    }

    pub fn body(&self) -> &[u8] {
        &self.message[self.head_end..]
    }

    /// The body, if the server did what it was asked to.
    pub fn good(&self) -> Result<&[u8]> {
        ensure!(self.status < 300, "answered with {}: {}", self.status, self.text());
        Ok(self.body())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(std::str::from_utf8(&self.message[..self.head_end]).ok()?, name)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.body()).into_owned()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4096) })
    }

    pub async fn ask(&mut self, request: &Request) -> Result<Answer> {
        self.send(request).await?;
        self.answer().await
    }

    pub async fn get(&mut self, path: &str, headers: &str) -> Result<Answer> {
        self.ask(&Request::get(path, headers)).await
    }

    pub async fn post(&mut self, path: &str, headers: &str, body: &Value) -> Result<Answer> {
        self.ask(&Request::post(path, headers, body)).await
    }

    /// Only sends: the answer may take its time.
    pub async fn send(&mut self, request: &Request) -> Result<()> {
        Ok(self.stream.write_all(&request.0).await?)
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
        let head = std::str::from_utf8(&self.received[..head_end])?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let length: usize = match header(head, "content-length") {
            _ if matches!(status, 204 | 304) => 0,
            Some(length) => length.parse()?,
            None => bail!("an answer without a length: {head}"),
        };
        while self.received.len() < head_end + length {
            self.more().await?;
        }
        let message = self.received[..head_end + length].to_vec();
        self.received.drain(..head_end + length);
        Ok(Answer { status, message, head_end })
    }

    async fn more(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.received).await?;
        ensure!(read > 0, "the connection was closed in the middle");
        Ok(())
    }
}
