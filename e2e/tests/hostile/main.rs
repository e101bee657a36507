//! What one hostile stranger costs a class: a whole IPv6 /64, as many e-mails as they like, and
//! nothing that protects the form. `make hostile-stranger` measures it, also of another build.

mod people;
mod stage;

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    people::{Honest, Keeps, Stranger},
    stage::Stage,
};

const ORGANISER: (&str, &str) = ("admin", "a password of the stage");

/// Beside three hundred joins from one /64, a class of ten is served within minutes, and at once
/// when the organiser clears what came from there.
#[tokio::test]
async fn one_address_does_not_hold_up_a_class() -> Result<()> {
    let machines = 10;
    let mut stage = Stage::open(machines, "").await?;
    let mut stranger = Stranger::default();
    stranger.join(&stage, 240).await?;
    ensure!(stranger.places() == 200, "{} places, of one /64", stranger.places());
    let mut class = Honest::class(machines);
    for honest in &mut class {
        honest.act(&stage).await?;
        ensure!(honest.refused == 0 && honest.served.is_none(), "in line, behind the stranger");
    }
    // Nobody looks at the stranger's places: they are given up after three minutes, and hold no
    // machine for longer than one.
    for _ in 0..8 {
        stage.pass(Duration::from_secs(25)).await?;
        for honest in &mut class {
            honest.act(&stage).await?;
        }
    }
    let late = class.iter().filter(|it| it.served.is_none()).count();
    ensure!(late == 0, "{late} have no machine after {:?}", stage.passed);

    let mut stage = Stage::open(machines, "").await?;
    let mut stranger = Stranger::default();
    stranger.join(&stage, 30).await?;
    let mut class = Honest::class(machines);
    for honest in &mut class {
        honest.act(&stage).await?;
    }
    stage.pass(Duration::from_secs(30)).await?;
    stranger.look(&stage, Keeps::Alive, machines as usize).await?;
    clear(&stage).await?;
    for honest in &mut class {
        honest.act(&stage).await?;
        ensure!(honest.served.is_some(), "the organiser has cleared the line of them");
    }
    Ok(())
}

/// One click on the participants' page.
async fn clear(stage: &Stage) -> Result<()> {
    let (user, password) = ORGANISER;
    let first = stage.count("select min(id) from place where email like '%@evil.example'").await?;
    let clear = stage.http.post(format!("{}/api/places/clear", stage.base));
    let which = serde_json::json!({ "same_address_as": first });
    let answer = clear.basic_auth(user, Some(password)).json(&which).send().await?;
    ensure!(answer.status() == 200, "{}", answer.text().await?);
    Ok(())
}

#[derive(Clone, Copy)]
enum Attack {
    Line(Keeps),
    /// Likewise; the organiser clears what came from that address after two minutes.
    Cleared,
    /// Takes machines, with made-up commands.
    Machines,
}

const CLASS: u32 = 200;
const TIMES: u32 = 2_000;
const STEP: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(45 * 60);
/// Minutes after which the served are counted.
const SERVED_AFTER: [u64; 8] = [0, 1, 2, 3, 5, 10, 20, 45];

#[tokio::test]
#[ignore = "takes minutes"]
async fn figures() -> Result<()> {
    let three = "limits: {places_per_address: 3, claims_per_address: 3}";
    println!(
        "{CLASS} machines, {CLASS} honest people, {TIMES} tries from one /64 just before them"
    );
    let minutes = SERVED_AFTER.map(|minutes| format!("{minutes} min")).join(" | ");
    println!(
        "| attack | its places | its machines | its refusals | honest refusals | served after \
         {minutes} | the last |"
    );
    println!("|{}", " --- |".repeat(6 + SERVED_AFTER.len()));
    let scenes = [
        ("line, never looked at", "", Attack::Line(Keeps::Dead)),
        ("line, kept alive by GETs", "", Attack::Line(Keeps::Alive)),
        ("likewise, cleared after 2 min", "", Attack::Cleared),
        ("likewise, 3 for each address", three, Attack::Line(Keeps::Alive)),
        ("machines", "", Attack::Machines),
        ("machines, 3 for each address", three, Attack::Machines),
        ("with an access code", "app: {access_code: seven}", Attack::Line(Keeps::Alive)),
    ];
    let only = std::env::var("LABLINK_HOSTILE_SCENES").unwrap_or_default();
    for (nr, (name, config, attack)) in scenes.into_iter().enumerate() {
        if only.is_empty() || only.split(',').any(|it| it == nr.to_string()) {
            println!("| {name} | {} |", measure(config, attack).await?);
        }
    }
    Ok(())
}

async fn measure(config: &str, attack: Attack) -> Result<String> {
    let mut stage = Stage::open(CLASS, config).await?;
    let mut stranger = Stranger::default();
    let keeps = match attack {
        Attack::Machines => {
            stranger.claim(&stage, TIMES).await?;
            Keeps::Dead
        }
        Attack::Line(keeps) => {
            stranger.join(&stage, TIMES).await?;
            keeps
        }
        Attack::Cleared => {
            stranger.join(&stage, TIMES).await?;
            Keeps::Alive
        }
    };
    let places = stranger.places();
    let mut class = Honest::class(CLASS);
    loop {
        for honest in &mut class {
            honest.act(&stage).await?;
        }
        if stage.passed >= LONGEST || class.iter().all(|it| it.served.is_some()) {
            break;
        }
        stage.pass(STEP).await?;
        stranger.look(&stage, keeps, CLASS as usize).await?;
        if matches!(attack, Attack::Cleared) && stage.passed == Duration::from_secs(120) {
            clear(&stage).await?;
        }
    }
    let served = |minutes: u64| {
        let by = Duration::from_secs(minutes * 60);
        class.iter().filter(|it| it.served.is_some_and(|at| at <= by)).count().to_string()
    };
    let row = SERVED_AFTER.map(served).join(" | ");
    let last = class.iter().map(|it| it.served).max().flatten();
    let all = class.iter().all(|it| it.served.is_some());
    let last = last
        .filter(|_| all)
        .map_or("more than that".to_owned(), |at| format!("{} s", at.as_secs()));
    let honest = class.iter().map(|it| it.refused).sum::<usize>();
    let Stranger { machines, refused, .. } = stranger;
    Ok(format!("{places} | {machines} | {refused} | {honest} | {row} | {last}"))
}
