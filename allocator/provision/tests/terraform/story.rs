//! What can be seen of a lab: that rows, state, folders and processes agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use lablink_core::{Token, agents, vms::Selection};
use lablink_protocol::VmStatus;

use crate::lab::{TerraformLab, short, vm};

impl TerraformLab {
    /// What Terraform answers in the working directory of worker `a`, with whom every test begins.
    pub fn terraform(&self, arguments: &[&str]) -> String {
        let mut terraform = Command::new(&self.programs.terraform);
        let directory = self.path("a/terraform");
        let output = terraform.args(arguments).current_dir(directory).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Numbers of the VMs in the state, as `terraform state list` and the file tell; whether each
    /// is whole.
    pub fn state(&self) -> BTreeMap<String, bool> {
        let pulled = self.terraform(&["state", "pull"]);
        if pulled.trim().is_empty() {
            return BTreeMap::new();
        }
        let listed: BTreeSet<String> = self
            .terraform(&["state", "list"])
            .lines()
            .filter_map(|line| Some(short(line.split('"').nth(1)?)))
            .collect();
        let json: serde_json::Value = serde_json::from_str(&pulled).unwrap();
        let resources = json["resources"].as_array().unwrap();
        let instances = resources.iter().flat_map(|it| it["instances"].as_array().unwrap());
        let found: BTreeMap<String, bool> = instances
            .map(|it| (short(it["index_key"].as_str().unwrap()), it["status"] != "tainted"))
            .collect();
        assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), listed);
        found
    }

    /// Rows, state, folders and processes tell the same story.
    pub async fn tells_one_story(&self) {
        let (vms, state) = (self.vms().await, self.state());
        for (name, whole) in &state {
            let vm = vms.get(name).unwrap_or_else(|| panic!("{name} exists without a row"));
            assert!(!vm.removing, "{name} is going, though nobody removes it");
            assert_eq!(vm.status != VmStatus::Error, *whole, "{name}: {vm:?}");
            assert_eq!(self.agent_runs(name), *whole, "{name}'s agent");
        }
        for (name, vm) in vms.iter().filter(|(name, _)| !state.contains_key(*name)) {
            assert_eq!(vm.status, VmStatus::Error, "{name} has a row, but does not exist");
            assert!(vm.status_reason.is_some() && !vm.removing, "{vm:?}");
        }
        for folder in fs::read_dir(self.path("vms")).unwrap() {
            let name = short(folder.unwrap().file_name().to_str().unwrap());
            assert!(state.contains_key(&name), "{name} has left a folder");
        }
        // An idle worker looks at the state by itself.
        self.eventually("no Terraform runs", || self.terraforms().is_empty()).await;
        assert!(!self.path("violations").exists(), "two Terraforms at once");
        let running = "select count(*) from operation where state in ('running', 'queued')";
        assert_eq!(self.count(running).await, 0);
    }

    /// That all is well again is shown by the next operations.
    pub async fn works_again(&self) {
        let before = self.state().values().filter(|whole| **whole).count();
        self.succeeds(self.launch(1).await).await;
        let state = self.state();
        assert!(state.values().all(|whole| *whole), "broken VMs are made anew: {state:?}");
        assert!(state.len() > before);
        self.tells_one_story().await;
        self.succeeds(self.destroy(Selection::All).await).await;
        assert!(self.state().is_empty() && self.vms().await.is_empty());
        self.tells_one_story().await;
    }

    pub fn agent_runs(&self, number: &str) -> bool {
        let file = self.path(&format!("vms/lablink-vm-test-{number}/agent.pid"));
        let noted = fs::read_to_string(file).unwrap_or_default();
        noted.split(' ').next().is_some_and(|pid| Path::new("/proc").join(pid).join("fd").exists())
            && !noted.is_empty()
    }

    /// Whether the token that the VM's agent was given is good; it is used up by asking.
    pub async fn enrols(&self, number: &str) -> bool {
        let hostname = vm(number);
        let file = self.path(&format!("vms/{hostname}/home/token"));
        let token = Token::presented(fs::read_to_string(file).unwrap().trim());
        agents::enrol(&self.scope(), &hostname, &token).await.is_ok()
    }

    /// Whether a step of Terraform's is noted as running.
    pub fn step_runs(&self) -> bool {
        !self.steps().is_empty()
    }

    /// The pids of the steps that are noted as running.
    pub fn steps(&self) -> Vec<i32> {
        let notes = fs::read_dir(self.path("state/test.terraform.steps")).into_iter().flatten();
        let texts = notes.filter_map(|note| fs::read_to_string(note.ok()?.path()).ok());
        texts.filter_map(|text| text.split(' ').next()?.parse().ok()).collect()
    }

    /// The pids of Terraform's that work here.
    pub fn terraforms(&self) -> Vec<i32> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| {
            let inside = fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.root.path()) && cwd.ends_with("terraform"));
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            inside && name.trim() == "terraform"
        })
        .collect()
    }
}
