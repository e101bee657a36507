use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

use lablink_e2e::eventually;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

const START: Duration = Duration::from_secs(60);

/// A stand-in for AWS that checks signatures and rights. `make test` installs it;
/// `LABLINK_MOTO_SERVER` names its program.
pub struct Moto {
    server: Child,
    pub url: String,
    pub access_key: String,
    pub secret_key: String,
}

impl Moto {
    /// With a parameter and a secret, and a user who may read just these.
    pub async fn start(name: &str, value: &str) -> Self {
        let program = env::var_os("LABLINK_MOTO_SERVER").expect(
            "LABLINK_MOTO_SERVER does not name the program moto_server: run `make test`, which \
             installs it",
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            // The preparations below; from then on it asks everybody for a signature.
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "5")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut moto = Self { server, url, access_key: String::new(), secret_key: String::new() };
        eventually("moto to start", START, async || {
            Ok(TcpStream::connect(("127.0.0.1", port)).await.ok())
        })
        .await
        .unwrap();
        moto.prepare(name, value).await;
        moto
    }

    async fn prepare(&mut self, name: &str, value: &str) {
        let parameter = json!({ "Name": name, "Value": value, "Type": "SecureString" });
        self.act("ssm", "AmazonSSM.PutParameter", &parameter).await;
        let secret = json!({ "Name": name, "SecretString": format!("{value}\n") });
        self.act("secretsmanager", "secretsmanager.CreateSecret", &secret).await;
        self.iam("CreateUser", &[]).await;
        let reads = ["ssm:GetParameter", "secretsmanager:GetSecretValue"];
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": reads, "Resource": "*" }],
        })
        .to_string();
        self.iam("PutUserPolicy", &[("PolicyName", "reads"), ("PolicyDocument", &policy)]).await;
        let keys = self.iam("CreateAccessKey", &[]).await;
        let element = |name: &str| {
            let (_, after) = keys.split_once(&format!("<{name}>")).unwrap();
            after.split('<').next().unwrap().to_owned()
        };
        self.access_key = element("AccessKeyId");
        self.secret_key = element("SecretAccessKey");
    }

    /// Not signed, so only while it prepares.
    async fn act(&self, service: &str, target: &str, input: &Value) {
        let request = Client::builder().no_proxy().build().unwrap().post(&self.url);
        let answer = request
            .header("authorization", unsigned(service))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(input.to_string())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{target}: {}", answer.text().await.unwrap());
    }

    async fn iam(&self, action: &str, fields: &[(&str, &str)]) -> String {
        let all = [("Action", action), ("Version", "2010-05-08"), ("UserName", "forwarder")];
        let form = reqwest::Url::parse_with_params(&self.url, all.iter().chain(fields)).unwrap();
        let request = Client::builder().no_proxy().build().unwrap().post(&self.url);
        let answer = request
            .header("authorization", unsigned("iam"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.query().unwrap().to_owned())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{action}");
        answer.text().await.unwrap()
    }
}

/// Names the service and no more.
fn unsigned(service: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential=nobody/20260301/us-west-2/{service}/aws4_request")
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _gone = self.server.wait();
    }
}
