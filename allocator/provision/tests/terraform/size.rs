//! A large class, and what the allocator adds to bare Terraform. Not part of every run:
//! `make test-size`.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use lablink_core::{operations::Operation, vms::Selection};

use crate::lab::TerraformLab;

/// Rounds in which Terraform runs alone and through the allocator, in turn.
const ROUNDS: u32 = 3;

/// Terraform by itself, on a copy of the folder in which the worker runs it.
struct Bare {
    folder: PathBuf,
    vms: PathBuf,
    agent: PathBuf,
}

impl Bare {
    fn beside(lab: &TerraformLab) -> Self {
        let (folder, vms) = (lab.path("bare"), lab.path("bare-vms"));
        let copied =
            Command::new("cp").arg("-a").arg(lab.path("a/terraform")).arg(&folder).status();
        assert!(copied.unwrap().success());
        fs::create_dir(&vms).unwrap();
        let state = lab.path("bare.tfstate");
        let backend =
            serde_json::json!({ "terraform": { "backend": { "local": { "path": state } } } });
        fs::write(folder.join("backend_override.tf.json"), backend.to_string()).unwrap();
        let bare = Self { folder, vms, agent: lab.programs.agent.clone() };
        bare.run(&["init", "-reconfigure"], "{}");
        bare
    }

    /// Brings this many VMs about, and tells how long that took.
    fn apply(&self, vms: u32) -> Duration {
        let hostnames: Vec<String> = (1..=vms).map(|n| format!("lablink-vm-test-{n}")).collect();
        let map: serde_json::Map<_, _> = (1..=vms)
            .zip(&hostnames)
            .map(|(n, name)| (name.clone(), serde_json::json!({ "number": n })))
            .collect();
        let file = self.folder.join("vms.auto.tfvars.json");
        fs::write(file, serde_json::json!({ "vms": map }).to_string()).unwrap();
        let tokens: serde_json::Map<_, _> =
            hostnames.into_iter().map(|name| (name, "token".into())).collect();
        let start = Instant::now();
        let variables = "-var-file=terraform.runtime.tfvars";
        let tokens = serde_json::json!(tokens).to_string();
        self.run(&["apply", "-json", "-auto-approve", variables], &tokens);
        start.elapsed()
    }

    fn run(&self, arguments: &[&str], tokens: &str) {
        let output = Command::new("terraform")
            .args(arguments)
            .arg("-input=false")
            .current_dir(&self.folder)
            .env("TF_VAR_local_dir", &self.vms)
            .env("TF_VAR_agent_program", &self.agent)
            .env("TF_VAR_enrolment_tokens", tokens)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// The whole of both, in turn: what a person waits for.
async fn measure_beside_bare(vms: u32) {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    lab.succeeds(lab.destroy(Selection::All).await).await;
    let bare = Bare::beside(&lab);
    let mut alone = Duration::ZERO;
    let mut through = Duration::ZERO;
    for _ in 0..ROUNDS {
        alone += bare.apply(vms) + bare.apply(0);
        let start = Instant::now();
        lab.succeeds(lab.launch(vms).await).await;
        lab.succeeds(lab.destroy(Selection::All).await).await;
        through += start.elapsed();
    }
    worker.stop().await;
    let (alone, through) = (alone / ROUNDS, through / ROUNDS);
    let share = through.as_secs_f64() / alone.as_secs_f64();
    eprintln!(
        "{vms} VMs launched and destroyed, mean of {ROUNDS}: Terraform alone {alone:.2?}, through \
         the allocator {through:.2?}: {share:.3}"
    );
    // Two operations, each within 3 % or a second.
    let allowed = (alone * 103 / 100).max(alone + Duration::from_secs(2));
    assert!(through <= allowed, "more than {allowed:.2?}");
}

/// What the operation took beside Terraform: from the request to the end of its row, less the time
/// between Terraform's first word and the last.
fn overhead(lab: &TerraformLab, what: &str, operation: &Operation) -> Result<(), String> {
    let output = lab.path(&format!("a/operations/{}/terraform.jsonl", operation.id));
    let output = fs::read_to_string(output).unwrap();
    let at = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        SystemTime::from(json["@timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap())
    };
    let (first, last) = (output.lines().next().unwrap(), output.lines().next_back().unwrap());
    let terraform = at(last).duration_since(at(first)).unwrap();
    let whole = operation.finished_at.unwrap().duration_since(operation.created_at);
    let whole = Duration::try_from(whole).unwrap();
    let ours = whole - terraform;
    eprintln!("{what}: {whole:.2?}, of which Terraform {terraform:.2?}: {ours:.2?} are ours");
    let allowed = (terraform * 3 / 100).max(Duration::from_secs(1));
    if ours <= allowed { Ok(()) } else { Err(format!("{what}: more than {allowed:.2?}")) }
}

async fn measure(vms: u32) {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    let start = Instant::now();
    let launched = lab.succeeds(lab.launch(vms).await).await;
    assert_eq!(lab.state().len(), usize::try_from(vms).unwrap());
    lab.tells_one_story().await;
    let destroyed = lab.succeeds(lab.destroy(Selection::All).await).await;
    assert!(lab.state().is_empty());
    lab.tells_one_story().await;
    worker.stop().await;
    eprintln!("{vms} VMs came and went in {:.1?}", start.elapsed());
    let launching = overhead(&lab, &format!("launch {vms}"), &launched);
    let destroying = overhead(&lab, &format!("destroy {vms}"), &destroyed);
    assert_eq!((launching, destroying), (Ok(()), Ok(())));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, so it wants the machine for itself"]
async fn twenty_vms_cost_little_more_than_terraform_alone() {
    measure(20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, so it wants the machine for itself"]
async fn hundred_vms_take_little_longer_than_with_bare_terraform() {
    measure_beside_bare(100).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn five_hundred_vms_come_and_go() {
    measure(500).await;
}
