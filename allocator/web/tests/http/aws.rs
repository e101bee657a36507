//! The AWS endpoints, with a stand-in for AWS: `allocator/aws` is tested against moto.

use axum::http::StatusCode;
use lablink_core::{
    aws::{AwsKeys, CloudIdentity, FromAws, Identity, IdentityError},
    secrets::{AwsLogin, Vault},
};
use lablink_web::AgentAuth;
use serde_json::json;

use crate::app::{App, With, form, get, json as posted};

const SET: &str = "/api/admin/set-aws-credentials";
const UNSET: &str = "/api/admin/unset-aws-credentials";

/// Knows one secret.
struct OneAccount;

impl CloudIdentity for OneAccount {
    fn of<'a>(&'a self, keys: Option<&'a AwsKeys>) -> FromAws<'a, Identity> {
        let refused = |code: &str, message: &str| {
            Err(IdentityError::Refused { code: code.to_owned(), message: message.to_owned() })
        };
        let answer = match keys {
            None => refused("NoCredentials", "Nobody is logged in"),
            Some(keys)
                if keys.access_key_id.starts_with("ASIA") && keys.session_token.is_none() =>
            {
                refused("InvalidClientTokenId", "The security token is invalid")
            }
            Some(keys) if keys.secret_access_key == "right" => Ok(Identity {
                account: "123456789012".to_owned(),
                arn: "arn:lab".to_owned(),
                expires_at: None,
            }),
            Some(_) => refused("SignatureDoesNotMatch", "The signature does not match"),
        };
        Box::pin(async { answer })
    }

    fn session<'a>(&'a self, keys: Option<&'a AwsKeys>) -> FromAws<'a, Option<AwsKeys>> {
        Box::pin(async move { Ok(keys.cloned()) })
    }
}

pub fn with_keys_that_work() -> AwsLogin {
    AwsLogin::new(Some(Box::new(OneAccount)), Vault::new(None))
}

async fn app(key: Option<&str>) -> App {
    let vault = Vault::new(key.map(|key| key.parse().unwrap()));
    App::new(AgentAuth::Required).await.with_aws(AwsLogin::new(Some(Box::new(OneAccount)), vault))
}

fn keys(id: &str, secret: &str) -> String {
    format!("aws_access_key_id={id}&aws_secret_access_key={secret}&aws_token=")
}

#[tokio::test]
async fn keys_are_checked_taken_and_forgotten_again() {
    for key in [None, Some("5a".repeat(32))] {
        let app = app(key.as_deref()).await;
        let set = |body: String| form(SET, &body).by_admin();
        let answer = app.call(set(keys("+AKIA+", "right"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(answer.json(), json!({ "message": "AWS credentials set successfully." }));
        let page = app.call(get("/admin/aws").by_admin().by_browser()).await;
        assert!(page.body.contains("123456789012") && page.body.contains("arn:lab"));
        assert!(!page.body.contains("right"), "no secret on a page");

        let refused = app.call(set(keys("AKIA", "wrong")).by_browser()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("The signature does not match"));
        assert!(refused.body.contains("123456789012"), "the ones before stay");
        assert!(!refused.body.contains("wrong"));

        let answer = app.call(form(UNSET, "").by_admin()).await;
        assert_eq!(answer.json(), json!({ "message": "AWS credentials unset successfully." }));
        let page = app.call(get("/admin/aws").by_admin().by_browser()).await;
        assert!(page.body.contains("Nobody is logged in"));
    }
}

#[tokio::test]
async fn what_is_missing_or_refused_is_said_in_the_originals_words() {
    let app = app(None).await;
    let call = |body: String| app.call(form(SET, &body).by_admin());
    for body in [String::new(), keys("AKIA", "+"), "aws_secret_access_key=right".to_owned()] {
        let answer = call(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"], "AWS Access Key and Secret Key are required");
    }
    let answer = call(keys("ASIA", "right")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let message = "AWS credentials are temporary but no session token provided.";
    assert_eq!(answer.json()["error"], message);
}

#[tokio::test]
async fn stored_keys_are_sealed_and_open_with_the_same_key_only() {
    let app = app(Some(&"5a".repeat(32))).await;
    app.call(form(SET, &keys("AKIA", "right")).by_admin()).await;
    let stored = app.text("select encode(sealed, 'escape') from aws_keys").await;
    assert!(!stored.contains("right") && !stored.contains("AKIA"), "{stored}");
    let events = app.text("select string_agg(kind || data::text, ' ') from event").await;
    assert!(events.contains("aws_keys.set") && !events.contains("right"), "{events}");

    let vault = Vault::new(Some("a5".repeat(32).parse().unwrap()));
    let other = app.with_aws(AwsLogin::new(Some(Box::new(OneAccount)), vault));
    let page = other.call(get("/admin/aws").by_admin().by_browser()).await;
    assert!(page.body.contains("LABLINK_SECRET_KEY has changed"), "{}", page.body);
}

#[tokio::test]
async fn an_allocator_without_aws_says_so() {
    let app = App::new(AgentAuth::Required).await;
    let answer = app.call(form(SET, &keys("AKIA", "right")).by_admin()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (StatusCode::CONFLICT, &json!("no_aws")));
    let page = app.call(get("/admin/aws").by_admin().by_browser()).await;
    assert!(page.body.contains("needs no AWS account") && page.body.contains("/admin/create"));
}

/// A session of `minutes` more, typed; the answer, and what an organiser's page and the metrics say.
async fn after_typing(app: &App, ends: &str) -> (StatusCode, String, String) {
    let typed = json!({"aws_access_key_id": "ASIA1", "aws_secret_access_key": "right",
        "aws_token": "t", "aws_expires_at": ends});
    let answer = app.call(posted(SET, &typed).by_admin()).await;
    let page = app.call(get("/admin").by_admin().by_browser()).await.body;
    (answer.status, page, app.call(get("/metrics")).await.body)
}

#[tokio::test]
async fn the_end_of_typed_keys_is_told_before_it_comes() {
    let app = app(None).await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(50);
    let (status, page, metrics) = after_typing(&app, &soon.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    let end = format!("The AWS keys that were typed end at {}", soon.strftime("%H:%M UTC"));
    assert!(page.contains(&end), "{page}");
    assert!(metrics.contains("lablink_aws_login_valid 1"), "{metrics}");
    let told = metrics.lines().find(|it| it.starts_with("lablink_aws_login_ends_timestamp"));
    assert!(told.unwrap().contains(&soon.as_second().to_string()), "{told:?}");

    let later = soon + jiff::SignedDuration::from_mins(30);
    let (_, page, _) = after_typing(&app, &later.to_string()).await;
    assert!(!page.contains("keys that were typed end"));
    let aws = app.call(get("/admin/aws").by_admin().by_browser()).await.body;
    assert!(aws.contains(&later.strftime("%Y-%m-%d").to_string()), "{aws}");

    for (ends, why) in
        [("tomorrow", "a time with its zone"), ("2020-01-01T00:00:00Z", "have ended")]
    {
        let typed = json!({"aws_access_key_id": "ASIA1", "aws_secret_access_key": "right",
            "aws_token": "t", "aws_expires_at": ends});
        let answer = app.call(posted(SET, &typed).by_admin()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.json()["error"].as_str().unwrap().contains(why), "{}", answer.body);
    }
}
