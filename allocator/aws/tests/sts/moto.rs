//! A stand-in for AWS that checks signatures: `make test` installs it; `LABLINK_MOTO_SERVER` names
//! its program.

use std::{
    env,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use lablink_core::aws::AwsKeys;

pub struct Moto {
    server: Child,
    pub url: String,
}

impl Moto {
    /// With a user called `lab`, whose keys are answered. From then on nobody else is let in.
    pub async fn start() -> (Self, AwsKeys) {
        let program = env::var_os("LABLINK_MOTO_SERVER").expect(
            "LABLINK_MOTO_SERVER does not name the program moto_server: run `make test`, which \
             installs it",
        );
        let port = free_port();
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Self { server, url: format!("http://127.0.0.1:{port}") };
        moto.answers().await;
        moto.iam("Action=CreateUser&UserName=lab").await;
        let made = moto.iam("Action=CreateAccessKey&UserName=lab").await;
        let field = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        let keys = AwsKeys {
            access_key_id: field("AccessKeyId"),
            secret_access_key: field("SecretAccessKey"),
            session_token: None,
            expires_at: None,
        };
        let lock = client().post(format!("{}/moto-api/reset-auth", moto.url)).body("0");
        assert!(lock.send().await.unwrap().status().is_success());
        (moto, keys)
    }

    async fn answers(&self) {
        for _ in 0..600 {
            if client().get(format!("{}/moto-api/data.json", self.url)).send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("moto did not start");
    }

    async fn iam(&self, call: &str) -> String {
        let credential = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/iam/aws4_request, \
                          SignedHeaders=host, Signature=none";
        let request = client()
            .post(&self.url)
            .header("authorization", credential)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("{call}&Version=2010-05-08"));
        request.send().await.unwrap().text().await.unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _ended = self.server.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn client() -> reqwest::Client {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
