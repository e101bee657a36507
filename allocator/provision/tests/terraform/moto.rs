//! A stand-in for S3 that can stop answering: moto behind a door. `make test` installs it;
//! `LABLINK_MOTO_SERVER` names its program.

use std::{
    env,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub struct Moto {
    server: Child,
    port: u16,
    door: u16,
    is_open: Arc<AtomicBool>,
    letting_in: JoinHandle<()>,
}

impl Moto {
    pub async fn start() -> Self {
        let program = env::var_os("LABLINK_MOTO_SERVER").expect(
            "LABLINK_MOTO_SERVER does not name the program moto_server: run `make test`, which \
             installs it",
        );
        let port = free_port().await;
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = listener.local_addr().unwrap().port();
        let is_open = Arc::new(AtomicBool::new(true));
        let letting_in = tokio::spawn(let_in(listener, port, Arc::clone(&is_open)));
        let moto = Self { server, port, door, is_open, letting_in };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        moto.request("PUT", "/state-bucket", "").await;
        moto
    }

    /// What makes Terraform find it and be let in.
    pub fn exports(&self) -> String {
        format!("export AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b; {}", self.place())
    }

    /// What makes Terraform find it, without keys.
    pub fn place(&self) -> String {
        format!(
            "export AWS_REGION=us-east-1 AWS_ENDPOINT_URL=http://127.0.0.1:{} AWS_MAX_ATTEMPTS=2 \
             AWS_EC2_METADATA_DISABLED=true",
            self.door
        )
    }

    pub fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
    }

    pub fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// Whether the state is locked. Strangers may not read the lock, but hear that there is none.
    pub async fn is_locked(&self) -> bool {
        let answer = self.request("GET", "/state-bucket/test/terraform.tfstate.tflock", "").await;
        !answer.starts_with("HTTP/1.1 404")
    }

    pub async fn request(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.letting_in.abort();
        let _gone = self.server.kill();
        let _gone = self.server.wait();
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Passes connections on; shut, it hangs up on everybody.
async fn let_in(listener: TcpListener, port: u16, is_open: Arc<AtomicBool>) {
    loop {
        let (mut caller, _) = listener.accept().await.unwrap();
        let is_open = Arc::clone(&is_open);
        tokio::spawn(async move {
            if !is_open.load(Ordering::Relaxed) {
                return;
            }
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let shut = async {
                while is_open.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                _ = copy_bidirectional(&mut caller, &mut server) => {}
                () = shut => {}
            }
        });
    }
}
