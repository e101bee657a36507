use std::time::Duration;

use lablink_e2e::lambda::{Lambda, LogEvent, Outcome, subscription};

use crate::{
    allocator::{Act, FakeAllocator, TOKEN, VM},
    moto::Moto,
};

const TIME: Duration = Duration::from_secs(30);
const NAME: &str = "/lablink/test/log-token";

#[tokio::test]
async fn the_token_is_read_from_aws_by_name_once_and_again_when_it_is_refused() {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let moto = Moto::start(NAME, TOKEN).await;
    for variable in ["LABLINK_LOG_TOKEN_PARAMETER", "LABLINK_LOG_TOKEN_SECRET"] {
        let allocator = FakeAllocator::start(&[Act::Answer(200), Act::Answer(401)]).await;
        let endpoint = allocator.endpoint();
        let environment = [
            ("API_ENDPOINT", &*endpoint),
            (variable, NAME),
            ("AWS_REGION", "us-west-2"),
            ("AWS_ACCESS_KEY_ID", &*moto.access_key),
            ("AWS_SECRET_ACCESS_KEY", &*moto.secret_key),
            ("AWS_ENDPOINT_URL", &*moto.url),
        ];
        let forwarder = Lambda::start(&environment).await.unwrap();
        let payload = subscription(VM, &[LogEvent::new(1, "one")]).unwrap();
        for _ in 0..2 {
            let outcome = forwarder.invoke(&payload, TIME).await.unwrap();
            assert!(matches!(outcome, Outcome::Answered(_)), "{variable}: {outcome:?}");
        }
        assert_eq!(allocator.tokens(), vec![format!("Bearer {TOKEN}"); 3], "{variable}");
        assert!(!forwarder.output().contains(TOKEN));
        assert!(!forwarder.output().contains(&moto.secret_key));

        let wrong_key = environment.map(|(name, value)| match name {
            "AWS_SECRET_ACCESS_KEY" => (name, "another"),
            _ => (name, value),
        });
        let reason = refused(&wrong_key).await;
        assert!(reason.contains("SignatureDoesNotMatch") || reason.contains("403"), "{reason}");

        let wrong_name = environment.map(|(name, value)| match value {
            NAME => (name, "/elsewhere"),
            _ => (name, value),
        });
        let reason = refused(&wrong_name).await;
        assert!(reason.contains("/elsewhere") && reason.contains("NotFound"), "{reason}");
    }
}

/// Why an invocation fails under these settings. It must fail, so that AWS tries it again: by then
/// somebody may have put it right.
async fn refused(environment: &[(&str, &str)]) -> String {
    let forwarder = Lambda::start(environment).await.unwrap();
    let payload = subscription(VM, &[LogEvent::new(1, "one")]).unwrap();
    match forwarder.invoke(&payload, Duration::from_secs(4)).await.unwrap() {
        Outcome::Failed(error) => error["errorMessage"].as_str().unwrap().to_owned(),
        Outcome::Answered(answer) => panic!("it answered {answer}"),
    }
}

#[tokio::test]
async fn without_settings_it_does_not_start_and_says_what_to_set() {
    let endpoint = ("API_ENDPOINT", "http://127.0.0.1:9/api/vm-logs");
    for (environment, says) in [
        (&[][..], "API_ENDPOINT is not set"),
        (&[endpoint], "set one of LABLINK_LOG_TOKEN"),
        (&[endpoint, ("LABLINK_LOG_TOKEN_PARAMETER", NAME)], "AWS_REGION is not set"),
    ] {
        let mut forwarder = Lambda::start(environment).await.unwrap();
        assert_eq!(forwarder.ended().await.unwrap(), 1);
        assert!(forwarder.output().contains(says), "{says}: {}", forwarder.output());
    }
}
