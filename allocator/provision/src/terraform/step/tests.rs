use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{super::notes::Orphan, *};

fn step(script: &str, notes: &tempfile::TempDir) -> Step {
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", script]);
    Step {
        name: "terraform init".to_owned(),
        command,
        deadline: Duration::from_secs(60),
        grace: Duration::from_millis(300),
        limit: Limit::default(),
        notes: Some(notes.path().to_owned()),
    }
}

/// Its background process ignores SIGINT, and its pid is written to a file.
const DEAF: &str = "trap '' INT TERM; sleep 600 & echo $! >child; wait; sleep 600";

async fn pid_in(file: &Path) -> Process {
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(process) = text.trim().parse().ok().and_then(Process::find) {
            return process;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_deadline_ends_what_ignores_every_signal_and_all_that_it_started() {
    let notes = tempfile::tempdir().unwrap();
    let mut step = step(DEAF, &notes);
    step.command.current_dir(notes.path());
    step.deadline = Duration::from_secs(1);
    let child = notes.path().join("child");
    let (error, started) = tokio::join!(step.run(), pid_in(&child));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("terraform init did not end within 1 s"), "{error}");
    // The process that reaps orphans may need a moment.
    let gone = async {
        while started.lives() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), gone).await.unwrap();
}

#[tokio::test]
async fn a_stop_ends_it_at_once_and_lets_it_say_its_last() {
    let notes = tempfile::tempdir().unwrap();
    let (stop, before) = (CancellationToken::new(), Instant::now());
    let mut deaf = step("exec sleep 600", &notes);
    deaf.limit = Limit::until(stop.clone());
    let patient = "trap 'echo done; exit 0' INT; while :; do sleep 0.05; done";
    let mut polite = step(patient, &notes);
    polite.grace = Duration::from_secs(5);
    polite.limit = Limit::until(stop.clone());
    let stopping = async {
        sleep(Duration::from_millis(200)).await;
        stop.cancel();
    };
    let (deaf, polite, ()) = tokio::join!(deaf.run(), polite.run(), stopping);
    assert!(matches!(deaf, Err(StepError::Stopped { .. })), "{deaf:?}");
    assert_eq!(polite.unwrap(), b"done\n");
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
}

#[tokio::test]
async fn an_end_without_a_word_names_the_step_and_its_signal_or_code() {
    let notes = tempfile::tempdir().unwrap();
    for (script, expected) in [
        ("kill -9 $$", "terraform init was killed by signal 9 and said nothing"),
        ("sleep 600 & kill -9 $$", "terraform init was killed by signal 9 and said nothing"),
        ("exit 3", "terraform init ended with exit code 3 and said nothing"),
        ("echo no luck >&2; exit 1", "terraform init ended with exit code 1: no luck"),
    ] {
        let error = step(script, &notes).run().await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(std::fs::read_dir(notes.path()).unwrap().count(), 0, "no note is left");
}

#[tokio::test]
async fn one_that_was_killed_with_a_lock_stays_noted() {
    let notes = tempfile::tempdir().unwrap();
    for (name, left) in [("terraform init", 0), ("terraform state push", 1)] {
        let mut step = step("trap '' INT; sleep 600 & wait; sleep 600", &notes);
        (step.name, step.deadline) = (name.to_owned(), Duration::from_millis(100));
        step.run().await.unwrap_err();
        assert_eq!(std::fs::read_dir(notes.path()).unwrap().count(), left, "{name}");
    }
    assert!(Orphan::all(notes.path()).first().unwrap().since().is_some());
}

#[tokio::test]
async fn dropped_in_the_middle_it_ends() {
    let notes = tempfile::tempdir().unwrap();
    let mut step = step(DEAF, &notes);
    step.command.current_dir(notes.path());
    let child = notes.path().join("child");
    let started = tokio::select! {
        _ = step.run() => unreachable!(),
        started = pid_in(&child) => started,
    };
    for _ in 0..100 {
        if !started.lives() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    unreachable!("it lives on");
}
