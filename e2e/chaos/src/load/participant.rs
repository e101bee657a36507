use std::time::Duration;

use lablink_e2e::crd_command;
use serde_json::json;

use super::{
    As, Body, ChaosLab, Dice, Phase, line,
    person::{Person, Ticket},
};
use crate::history::Wish;

/// After this time, a participant stops trying.
const TRIES: u32 = 40;

/// One actor: person after person who gets a machine, uses it, and mostly gives it back.
pub async fn live(mut lab: ChaosLab, actor: usize, mut dice: Dice) {
    lab.pause(dice.millis(0, 2000)).await;
    let mut life = 0;
    while lab.is(Phase::Busy) {
        life += 1;
        let mut person = Person::new(actor, life);
        match ask(&mut lab, &mut person, &mut dice).await {
            Asked::Claim(page, cookie) => {
                person.cookie = cookie;
                hold(&mut lab, &mut person, &page, &mut dice).await;
            }
            Asked::NoneFree if dice.chance(70) => {
                if let Some(page) = line::stand(&mut lab, &mut person, &mut dice).await {
                    hold(&mut lab, &mut person, &page, &mut dice).await;
                }
            }
            Asked::NoneFree | Asked::Nothing => {}
        }
        lab.pause(dice.millis(300, 3000)).await;
    }
}

enum Asked {
    /// The path of the claim's page, and the browser's proof that it is its own.
    Claim(String, Option<String>),
    NoneFree,
    Nothing,
}

/// Asks with one command until there is an answer, as a person who sees an error page does.
async fn ask(lab: &mut ChaosLab, person: &mut Person, dice: &mut Dice) -> Asked {
    let code = person.code(dice);
    let (by_form, twice) = (dice.chance(50), dice.chance(20));
    for _ in 0..TRIES {
        let asked = if twice {
            // A double click: what comes later is what the browser shows.
            let (_first, second) = tokio::join!(
                ask_once(lab, person, &code, by_form),
                ask_once(lab, person, &code, by_form)
            );
            second
        } else {
            ask_once(lab, person, &code, by_form).await
        };
        if let Some(asked) = asked {
            return asked;
        }
        lab.pause(dice.millis(500, 1500)).await;
        if lab.is(Phase::Over) {
            break;
        }
    }
    Asked::Nothing
}

/// None: no answer that settles it.
async fn ask_once(lab: &ChaosLab, person: &Person, code: &str, by_form: bool) -> Option<Asked> {
    let (client, command) = (&lab.client, crd_command(code));
    let (email, path) = (person.email.as_str(), "/api/request_vm");
    if by_form {
        let form = [("email", email), ("crd_command", &command)];
        let answer = client.post(As::Browser(None), path, Body::Form(&form)).await?;
        return match (answer.status, answer.location) {
            (303, Some(page)) => Some(Asked::Claim(page, answer.cookie)),
            (503, _) if answer.body.contains("action=\"/line\"") => Some(Asked::NoneFree),
            (503, _) => None,
            _ => Some(Asked::Nothing),
        };
    }
    let wish = json!({ "email": email, "crd_command": command });
    let answer = client.post(As::Nobody, path, Body::Json(&wish)).await?;
    let told = answer.json();
    let text = |name: &str| told[name].as_str();
    match answer.status {
        200 | 201 => {
            let (hostname, pin, url) = (text("hostname")?, text("pin")?, text("claim_url")?);
            client.recorder.promised(email, hostname, pin);
            Some(Asked::Claim(url[url.find("/claims/")?..].to_owned(), None))
        }
        503 if text("code") == Some("none_free") => Some(Asked::NoneFree),
        503 => None,
        _ => Some(Asked::Nothing),
    }
}

/// Uses the machine for a while: looks at its page, gives new commands, and goes.
async fn hold(lab: &mut ChaosLab, person: &mut Person, page: &str, dice: &mut Dice) {
    let looks = dice.between(3, 15);
    for _ in 0..looks {
        if look(lab, person, page).await == Seen::Over {
            return;
        }
        if !lab.is(Phase::Busy) {
            break;
        }
        if dice.chance(12) {
            command(lab, person, page, dice).await;
        }
        lab.pause(dice.millis(400, 2500)).await;
    }
    if lab.is(Phase::Busy) && dice.chance(60) {
        give_back(lab, person, page, dice).await;
    }
    // A participant who keeps it looks now and then, until an organiser takes it.
    for _ in 0..20 {
        if !lab.is(Phase::Busy) || look(lab, person, page).await == Seen::Over {
            return;
        }
        lab.pause(Duration::from_secs(3)).await;
    }
}

#[derive(PartialEq, Eq)]
enum Seen {
    Held,
    Over,
    Unclear,
}

async fn look(lab: &ChaosLab, person: &Person, page: &str) -> Seen {
    let Some(answer) = lab.client.get(As::Browser(None), page).await else { return Seen::Unclear };
    match (answer.status, Ticket::on(&answer.body)) {
        (200, Some(Ticket { hostname, pin })) => {
            lab.client.recorder.promised(&person.email, &hostname, &pin);
            Seen::Held
        }
        (200, None) => Seen::Over,
        _ => Seen::Unclear,
    }
}

async fn command(lab: &ChaosLab, person: &mut Person, page: &str, dice: &mut Dice) {
    let code = person.code(dice);
    let command = crd_command(&code);
    let mut form = vec![("crd_command", command.as_str())];
    let (mut path, mut who) = (format!("{page}/command"), As::Browser(None));
    if person.cookie.is_some() && dice.chance(30) {
        // By the first form again, in the same browser.
        form.push(("email", &person.email));
        path = "/api/request_vm".to_owned();
        who = As::Browser(person.cookie.as_deref());
    }
    let times = if dice.chance(20) { 2 } else { 1 };
    for _ in 0..times {
        lab.client.recorder.asks(Wish::Command { code: code.clone() });
        lab.client.post(who, &path, Body::Form(&form)).await;
    }
}

async fn give_back(lab: &mut ChaosLab, person: &Person, page: &str, dice: &mut Dice) {
    let path = format!("{page}/return");
    for _ in 0..TRIES {
        let email = person.email.clone();
        lab.client.recorder.asks(Wish::GiveBack { email });
        let send = || lab.client.post(As::Browser(None), &path, Body::Form(&[]));
        let answer = if dice.chance(20) { tokio::join!(send(), send()).1 } else { send().await };
        if answer.is_some_and(|answer| answer.status == 303) {
            return;
        }
        lab.pause(dice.millis(500, 1500)).await;
        if !lab.is(Phase::Busy) {
            return;
        }
    }
}
