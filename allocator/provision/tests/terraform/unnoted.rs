//! The power goes between the start of a machine, whose agent has reported, and Terraform's note of
//! it.

use std::{collections::BTreeMap, fs};

use lablink_core::{
    operations::{self, OperationId, OperationState},
    state::{self, Fault},
    vms::Selection,
};
use nix::sys::signal::Signal;

use crate::lab::{TerraformLab, Working, admin, signal, vm};

impl TerraformLab {
    /// A launch of these VMs, which come after those that there are, up to the moment at which their
    /// agents have enrolled and Terraform has noted none of them. Then all is killed.
    async fn cut_off_before_the_note(&self, worker: Working, numbers: &[&str]) -> OperationId {
        self.fault("linger");
        let id = self.launch(u32::try_from(numbers.len()).unwrap()).await;
        let lingers = |number: &&str| self.programs.faults.join(format!("lingers-{}", vm(number)));
        self.eventually("the machines run", || numbers.iter().all(|it| lingers(it).exists())).await;
        for number in numbers {
            assert!(self.enrols(number).await);
        }
        worker.vanish();
        for terraform in self.terraforms() {
            signal(terraform, Signal::SIGKILL);
        }
        self.heal();
        let noted = fs::read_to_string(self.path("state/test.tfstate")).unwrap_or_default();
        assert!(numbers.iter().all(|it| !noted.contains(vm(it).as_str())), "{noted}");
        id
    }

    /// The pids of these VMs' agents.
    fn agents(&self, numbers: &[&str]) -> Vec<String> {
        let file = |number: &&str| self.path(&format!("vms/{}/agent.pid", vm(number)));
        numbers.iter().map(|it| fs::read_to_string(file(it)).unwrap()).collect()
    }

    fn note_of(&self, number: &str) -> std::path::PathBuf {
        self.path(&format!("vms/{}/enrolment", vm(number)))
    }
}

fn whole(numbers: &[&str]) -> BTreeMap<String, bool> {
    numbers.iter().map(|it| ((*it).to_owned(), true)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_are_certainly_ours_come_back_by_themselves() {
    for before in [&["1"][..], &[]] {
        let lab = TerraformLab::new().await;
        let worker = lab.worker("a").await;
        if !before.is_empty() {
            lab.succeeds(lab.launch(1).await).await;
        }
        let new = if before.is_empty() { ["1", "2"] } else { ["2", "3"] };
        let id = lab.cut_off_before_the_note(worker, &new).await;
        let agents = lab.agents(&new);
        let file = lab.path(&format!("vms/{}/home/thesis", vm(new[0])));
        fs::write(&file, "words").unwrap();

        let worker = lab.worker("b").await;
        assert_eq!(lab.ended(id).await.state, OperationState::Interrupted);
        assert_eq!(state::conflict_of(&lab.scope(), id).await.unwrap(), None);
        let all = [before, &new].concat();
        lab.tells_one_story().await;
        assert_eq!(lab.state(), whole(&all));
        assert_eq!(lab.agents(&new), agents, "nothing was started again");
        assert!(file.exists(), "nothing was made anew");
        let told = "select count(*) from event where kind = 'vm.made'";
        assert_eq!(lab.count(told).await, i64::try_from(all.len()).unwrap());
        // Terraform takes them for its own.
        lab.works_again().await;
        assert!(!file.exists());
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_not_certain_stays_a_conflict_and_costs_nothing() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    let id = lab.cut_off_before_the_note(worker, &["2", "3"]).await;
    let agents = lab.agents(&["1", "2", "3"]);
    // Under the name of one stands a machine that was made with another token.
    let note = fs::read_to_string(lab.note_of("3")).unwrap();
    fs::write(lab.note_of("3"), "0".repeat(64)).unwrap();
    let worker = lab.worker("a").await;
    assert_eq!(lab.ended(id).await.state, OperationState::Interrupted);
    let mut conflict = state::conflict_of(&lab.scope(), id).await.unwrap().unwrap();
    conflict.hostnames.sort();
    assert_eq!((conflict.fault, conflict.hostnames), (Fault::Incomplete, vec![vm("2"), vm("3")]));
    assert_eq!(lab.state(), whole(&["1"]), "all or nothing");

    // A machine without a note does not come back either, and none does while more is wrong with the
    // state.
    fs::remove_file(lab.note_of("3")).unwrap();
    let met = lab.ended(lab.launch(1).await).await;
    assert!(met.reason.unwrap().contains("Nothing was changed"));
    fs::write(lab.note_of("3"), note).unwrap();
    let state = fs::read_to_string(lab.path("state/test.tfstate")).unwrap();
    fs::write(lab.path("state/test.tfstate"), &state[..state.len() / 2]).unwrap();
    let met = lab.ended(lab.launch(1).await).await;
    assert!(met.reason.unwrap().contains("Nothing was changed"));
    assert_eq!(lab.agents(&["1", "2", "3"]), agents, "they run on");

    // The organiser can bring them back still.
    fs::write(lab.path("state/test.tfstate"), state).unwrap();
    lab.succeeds(operations::bring_back(&lab.by(admin()), met.id).await.unwrap()).await;
    assert_eq!(lab.agents(&["1", "2", "3"]), agents);
    lab.succeeds(lab.destroy(Selection::All).await).await;
    worker.stop().await;
}
