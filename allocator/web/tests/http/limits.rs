//! What one hostile caller may do, and what it may not do to the others behind its address: all of
//! these call from 127.0.0.1.

use std::{future::Future, num::NonZero};

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::STANDARD};
use lablink_web::FormLimits;
use serde_json::{Value, json};
use tracing::instrument::WithSubscriber;

use crate::app::{Answer, App, With, form, get, json as post_json};

const CLASS: usize = 200;

/// A browser: what it was given for a cookie, it sends along.
struct Browser<'a> {
    app: &'a App,
    cookies: Vec<String>,
}

impl<'a> Browser<'a> {
    async fn open(app: &'a App) -> Self {
        let mut browser = Self { app, cookies: Vec::new() };
        let page = app.call(get("/").by_browser()).await;
        browser.keep(&page);
        browser
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookies.push(cookie);
        }
    }

    async fn post(&mut self, path: &str, body: &str) -> Answer {
        let request = form(path, body).by_browser().with("cookie", &self.cookies.join("; "));
        let answer = self.app.call(request).await;
        self.keep(&answer);
        answer
    }
}

fn wish(email: &str) -> String {
    format!("email={email}%40example.org&crd_command=start-host+--code%3D4%2F{email}")
}

/// Whatever a program sends, until it is told that it was too much.
async fn flood(app: &App, cookies: &str, body: &Value) {
    for _ in 0..10_000 {
        let answer = app.call(post_json("/api/request_vm", body).with("cookie", cookies)).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return;
        }
    }
    panic!("nobody stops it");
}

/// Everybody of the class mistypes once.
async fn class_gets_in(app: &App) {
    for n in 0..CLASS {
        let mut browser = Browser::open(app).await;
        let slip = browser.post("/api/request_vm", "email=p&crd_command=x").await;
        assert_eq!(slip.status, StatusCode::UNPROCESSABLE_ENTITY, "person {n}");
        let answer = browser.post("/api/request_vm", &wish(&format!("p{n}"))).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "person {n}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_class_behind_one_address_gets_in() {
    class_gets_in(&App::with_running(200).await).await;
}

#[tokio::test]
async fn a_class_gets_in_beside_one_who_sends_what_is_refused() {
    let app = App::with_running(200).await;
    let nothing = json!({});
    flood(&app, "", &nothing).await;
    let classmate = Browser::open(&app).await.cookies.join("; ");
    flood(&app, &classmate, &nothing).await;
    // With as many browsers as it takes to use up what the address has.
    let mut spent = 0;
    while spent < 3_000 {
        let made = Browser::open(&app).await.cookies.join("; ");
        for _ in 0..300 {
            app.call(post_json("/api/request_vm", &nothing).with("cookie", &made)).await;
            spent += 1;
        }
    }
    class_gets_in(&app).await;
}

#[tokio::test]
async fn a_class_that_finds_no_machine_gets_into_line() {
    let app = App::with_running(0).await;
    let mut class = Vec::new();
    for n in 0..CLASS {
        let mut browser = Browser::open(&app).await;
        let answer = browser.post("/api/request_vm", &wish(&format!("p{n}"))).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        class.push(browser);
    }
    for (n, mut browser) in class.into_iter().enumerate() {
        let answer = browser.post("/line", &wish(&format!("p{n}"))).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "person {n}: {}", answer.body);
    }
}

#[tokio::test]
async fn who_knows_an_email_locks_its_owner_out_of_nothing() {
    let app = App::with_running(1).await;
    let stolen = json!({"email": "ada@example.org", "crd_command": "--code=4/stolen"});
    // Her machine: by its cookie, and by the command that she claimed it with.
    let mut ada = Browser::open(&app).await;
    assert_eq!(ada.post("/api/request_vm", &wish("ada")).await.status, StatusCode::SEE_OTHER);
    flood(&app, "", &stolen).await;
    let same = app.call(form("/api/request_vm", &wish("ada"))).await;
    assert_eq!(same.status, StatusCode::OK, "a program with the same command");
    let other = wish("ada").replace("4%2Fada", "4%2Fnew");
    assert_eq!(ada.post("/api/request_vm", &other).await.status, StatusCode::SEE_OTHER);

    // A place in line: with its cookie.
    let mut eve = Browser::open(&app).await;
    assert_eq!(eve.post("/line", &wish("eve")).await.status, StatusCode::SEE_OTHER);
    let stolen = json!({"email": "eve@example.org"});
    for _ in 0..30 {
        app.call(post_json("/line", &stolen)).await;
    }
    assert_eq!(app.call(post_json("/line", &stolen)).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(eve.post("/line", &wish("eve")).await.status, StatusCode::SEE_OTHER);

    // One who has nothing yet, and whose browser has done nothing wrong.
    let stolen = json!({"email": "bob@example.org", "crd_command": "--code=4/x"});
    flood(&app, "", &stolen).await;
    let mut bob = Browser::open(&app).await;
    assert_eq!(bob.post("/line", &wish("bob")).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn one_browser_cannot_go_on_for_ever() {
    let app = App::with_running(0).await.limited(FormLimits::new(NonZero::new(5), None));
    let mut browser = Browser::open(&app).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(browser.post("/api/request_vm", "email=x").await.status.as_u16());
    }
    assert_eq!(seen, [422, 422, 422, 422, 422, 429, 429]);
    let made_up = form("/api/request_vm", "email=x")
        .with("cookie", &format!("lablink_browser={}", "A".repeat(43)));
    assert_eq!(app.call(made_up).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // All cookies that are made up are one browser.
    for n in 0..4 {
        let made_up = format!("lablink_browser={}{n}", "A".repeat(42));
        app.call(form("/api/request_vm", "email=x").with("cookie", &made_up)).await;
    }
    let made_up = form("/api/request_vm", "email=x")
        .with("cookie", &format!("lablink_browser={}", "E".repeat(43)));
    assert_eq!(app.call(made_up).await.status, StatusCode::TOO_MANY_REQUESTS);
}

/// What a future does, and the warnings that it writes into the log.
async fn with_warnings<T>(does: impl Future<Output = T>) -> (T, String) {
    let (log, writer) = std::io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::sync::Mutex::new(writer))
        .finish();
    let done = does.with_subscriber(subscriber).await;
    (done, std::io::read_to_string(log).unwrap())
}

async fn with_code() -> App {
    // Without the limits of the form, so that only those of the code are seen.
    App::with_running(CLASS as u32 + 10)
        .await
        .admitting(&[], "7421")
        .limited(FormLimits::new(None, None))
}

fn with_access_code(email: &str, code: &str) -> String {
    format!("{}&access_code={code}", wish(email))
}

#[tokio::test]
async fn a_class_gets_in_beside_one_who_guesses_the_access_code() {
    let app = with_code().await;
    let guess = async {
        let mut guessed = 0;
        for code in 0..2_000 {
            let body = json!({"email": "mallory@example.org", "crd_command": "--code=4/x",
                              "access_code": format!("{code:04}")});
            match app.call(post_json("/api/request_vm", &body)).await.status {
                StatusCode::UNPROCESSABLE_ENTITY => guessed += 1,
                StatusCode::TOO_MANY_REQUESTS => {}
                other => panic!("{other}"),
            }
        }
        guessed
    };
    let (guessed, log) = with_warnings(guess).await;
    assert_eq!(guessed, 100, "of 10,000");
    assert_eq!(log.lines().count(), 1, "one line for many: {log}");
    for n in 0..CLASS {
        let (mut browser, who) = (Browser::open(&app).await, format!("p{n}"));
        let slip = browser.post("/api/request_vm", &with_access_code(&who, &format!("8{n}"))).await;
        assert_eq!(slip.status, StatusCode::UNPROCESSABLE_ENTITY, "person {n}");
        let answer = browser.post("/api/request_vm", &with_access_code(&who, "7421")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "person {n}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_browser_that_gave_the_access_code_once_is_no_guesser() {
    let app = with_code().await;
    let mut ada = Browser::open(&app).await;
    let right = with_access_code("ada", "7421");
    assert_eq!(ada.post("/api/request_vm", &right).await.status, StatusCode::SEE_OTHER);
    let cookies = ada.cookies.join("; ");

    // Also for another process, which has not seen it and is out of guesses.
    let app = app.restarted();
    for code in 0..200 {
        let body = json!({"email": "mallory@example.org", "access_code": format!("{code:04}")});
        app.call(post_json("/api/request_vm", &body)).await;
    }
    let refused = app.call(form("/api/request_vm", &right).by_browser()).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "nothing is looked at");
    assert!(refused.body.contains("Too many wrong access codes"), "{}", refused.body);
    assert!(!refused.header("retry-after").is_empty());
    // Without a page as the answer, which would make it a browser that this process knows.
    let call =
        |code| form("/api/request_vm", &with_access_code("ada", code)).with("cookie", &cookies);
    assert_eq!(app.call(call("7421")).await.status, StatusCode::OK);
    let wrong = app.call(call("0000")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "it may mistype");

    // With another code it has shown nothing.
    let app = app.admitting(&[], "8532");
    assert_eq!(app.call(call("8532")).await.status, StatusCode::TOO_MANY_REQUESTS);
}

fn wrong_login(n: usize) -> String {
    format!("Basic {}", STANDARD.encode(format!("teacher:guess {n}")))
}

#[tokio::test]
async fn who_guesses_the_password_is_told_to_wait_and_the_organiser_is_not() {
    let app = App::with_running(0).await;
    let first = app.call(get("/admin").by_browser().by_admin()).await;
    assert_eq!(first.status, StatusCode::OK);
    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("lablink_browser="), "{cookie}");
    let second = app.call(get("/admin").by_browser().by_admin()).await;
    assert_eq!(second.header("set-cookie"), "", "only where the password was looked at");

    let app = app.restarted();
    let guess = async {
        let mut seen = Vec::new();
        for n in 0..100 {
            let answer = app.call(get("/admin").with("authorization", &wrong_login(n))).await;
            assert_ne!(answer.status, StatusCode::OK);
            seen.push(answer);
        }
        seen
    };
    let (seen, log) = with_warnings(guess).await;
    let looked_at = seen.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(looked_at, 10);
    assert!(!seen[99].header("retry-after").is_empty());
    assert_eq!(seen[99].json()["code"], "too_many_requests");
    assert_eq!(log.lines().count(), 1, "one line for many: {log}");

    let stranger = app.call(get("/admin").by_browser().by_admin()).await;
    assert_eq!(stranger.status, StatusCode::TOO_MANY_REQUESTS, "nothing is looked at");
    assert!(stranger.body.contains("logged in before"));
    let known = app.call(get("/admin").by_browser().by_admin().with("cookie", &cookie)).await;
    assert_eq!(known.status, StatusCode::OK, "its browser is known");
    let program = app.call(get("/api/vms").by_admin()).await;
    assert_eq!(program.status, StatusCode::OK, "and the password is again");
}

#[tokio::test]
async fn what_an_organiser_must_know_stands_on_each_of_their_pages() {
    let app = App::with_running(1).await.with_notice("The password is <short>.");
    let pages = lablink_web::access_table().into_iter().filter(|(method, path, action)| {
        *method == "GET"
            && matches!(action, lablink_core::Action::Do(_))
            && path.starts_with("/admin")
            && !path.ends_with("/lines")
            && !path.ends_with(".csv")
            && !path.contains("{id}")
            && !path.ends_with("/download")
            && !path.contains("{deed}")
    });
    let mut seen = 0;
    for (_, path, _) in pages {
        let path = path.replace("{hostname}", "lablink-vm-test-1").replace("{code}", "clock");
        let page = app.call(get(&path).by_browser().by_admin()).await;
        assert!(page.body.contains("The password is &#60;short&#62;."), "{path}: {}", page.status);
        seen += 1;
    }
    assert!(seen >= 10, "{seen}");
    let public = app.call(get("/").by_browser()).await;
    assert!(!public.body.contains("The password is"), "participants are told nothing");
}
