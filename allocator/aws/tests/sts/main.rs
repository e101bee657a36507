//! The real SDK against moto. The SDK takes the endpoint from its environment, as in a deployment;
//! so each check runs in a child of its own: an ignored test, with that environment.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod moto;

use std::{
    env,
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    thread,
};

use lablink_aws::{Account, Found};
use lablink_core::aws::{AwsKeys, CloudIdentity, IdentityError};
use moto::{Moto, free_port};

async fn sts() -> Account {
    let found = Found { region: Some("us-east-1".to_owned()), profile: None };
    Account::find(found, None).await
}

fn some_keys() -> AwsKeys {
    AwsKeys {
        access_key_id: "AKIA".to_owned(),
        secret_access_key: "hidden".to_owned(),
        session_token: None,
        expires_at: None,
    }
}

fn assert_passes(child: &mut Command) {
    let ended = child.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}

fn child(name: &str, endpoint: &str) -> Command {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", name, "--ignored"]).env("AWS_ENDPOINT_URL", endpoint);
    child
}

#[tokio::test]
async fn keys_are_told_from_wrong_ones() {
    let (moto, keys) = Moto::start().await;
    assert_passes(child("child_with_keys_in_its_environment", &moto.url).envs(keys.environment()));
}

#[test]
fn an_aws_that_is_away_is_no_refusal() {
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    assert_passes(&mut child("child_of_whom_nobody_hears", &nowhere));
}

#[tokio::test]
#[ignore = "run by keys_are_told_from_wrong_ones"]
async fn child_with_keys_in_its_environment() {
    let keys = AwsKeys {
        access_key_id: env::var("AWS_ACCESS_KEY_ID").unwrap(),
        secret_access_key: env::var("AWS_SECRET_ACCESS_KEY").unwrap(),
        session_token: None,
        expires_at: None,
    };
    let sts = sts().await;
    let found = sts.of(Some(&keys)).await.unwrap();
    assert_eq!(found.account, "123456789012");
    assert!(found.arn.ends_with(":user/lab"), "{}", found.arn);
    assert_eq!(sts.of(None).await.unwrap(), found, "the process has these by itself");

    let unknown = AwsKeys { access_key_id: "AKIAUNKNOWN".to_owned(), ..keys.clone() };
    assert_refused(sts.of(Some(&unknown)).await.unwrap_err());
    let wrong = AwsKeys { secret_access_key: "wrong".to_owned(), ..keys };
    assert_refused(sts.of(Some(&wrong)).await.unwrap_err());
}

/// Moto wraps its errors as EC2 does, so that the SDK finds no code in them: AWS's own form is the
/// next test's.
fn assert_refused(error: IdentityError) {
    assert!(matches!(error, IdentityError::Refused { .. }), "{error:?}");
}

/// A role of the machine, as containers on AWS find it: credentials with their end.
#[test]
fn a_roles_credentials_say_when_they_end() {
    let end = "2030-01-02T03:04:05Z";
    let address = serve(move |request| {
        if request.starts_with("GET /role ") {
            format!(
                r#"{{"AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"{end}"}}"#
            )
        } else {
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account>\
             <Arn>arn:aws:sts::1:assumed-role/lab/i-1</Arn></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>"
                .to_owned()
        }
    });
    let role = format!("{address}/role");
    let mut child = child("child_with_a_role", &address);
    assert_passes(child.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", role).env("EXPECTED_END", end));
}

#[tokio::test]
#[ignore = "run by a_roles_credentials_say_when_they_end"]
async fn child_with_a_role() {
    let found = sts().await.of(None).await.unwrap();
    assert!(found.arn.contains(":assumed-role/"));
    assert_eq!(found.expires_at.unwrap().to_string(), env::var("EXPECTED_END").unwrap());
    assert_eq!(sts().await.of(Some(&some_keys())).await.unwrap().expires_at, None);
}

/// Answers every request with what `answer` makes of it; the address.
fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = vec![0; 64 * 1024];
            let length = connection.read(&mut request).unwrap();
            let body = answer(&String::from_utf8_lossy(&request[..length]));
            let status = if body.contains("<Error>") { "403 Forbidden" } else { "200 OK" };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            connection.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_refusal_keeps_the_code_and_the_words_of_aws() {
    // The Query protocol's error, as the STS reference shows it.
    let address = serve(|_request| {
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>Sender</Type><Code>InvalidClientTokenId</Code>\
         <Message>The security token is invalid.</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
            .to_owned()
    });
    assert_passes(&mut child("child_whom_aws_refuses", &address));
}

#[tokio::test]
#[ignore = "run by a_refusal_keeps_the_code_and_the_words_of_aws"]
async fn child_whom_aws_refuses() {
    match sts().await.of(Some(&some_keys())).await.unwrap_err() {
        IdentityError::Refused { code, message } => {
            assert_eq!(code, "InvalidClientTokenId");
            assert_eq!(message, "The security token is invalid.");
        }
        other @ IdentityError::Unreachable(_) => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "run by an_aws_that_is_away_is_no_refusal"]
async fn child_of_whom_nobody_hears() {
    let error = sts().await.of(Some(&some_keys())).await.unwrap_err();
    assert!(matches!(error, IdentityError::Unreachable(_)), "{error:?}");
    assert!(!error.to_string().contains("hidden"));
}
