use std::fs;

use axum::{Json, Router, http::StatusCode, routing::post};
use serde_json::{Value, json};

use crate::module::{Module, runs, until, vms};

/// An allocator that enrols everybody, and then has no time. Lives as long as the process.
fn allocator() -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let enrol = |Json(body): Json<Value>| async move {
                let token = body["enrolment_token"].as_str().unwrap();
                Json(json!({"agent_token": format!("agent token for {token}")}))
            };
            let app = Router::new()
                .route("/api/agent/enrol", post(enrol))
                .fallback(|| async { StatusCode::SERVICE_UNAVAILABLE });
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    receiver.recv().unwrap()
}

#[test]
fn the_module_fulfils_its_own_tests() {
    let module = Module::for_terraform();
    let output = module.command("terraform").args(["test", "-no-color"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn vms_come_and_go_as_terraform_is_told() {
    let allocator = allocator();
    let module = Module::for_terraform();
    let tokens = [("vm-1", "secret-1"), ("vm-2", "secret-2"), ("vm-3", "secret-3")];
    module.apply(&allocator, 3, &tokens);
    let first = [module.pid("vm-1"), module.pid("vm-2"), module.pid("vm-3")];
    assert_eq!(module.running().len(), 3);
    until("all enrol", || {
        tokens
            .iter()
            .all(|(vm, token)| module.agent_token(vm) == Some(format!("agent token for {token}")))
    });

    let state = fs::read_to_string(module.0.path().join("terraform.tfstate")).unwrap();
    assert!(!state.contains("secret") && !state.contains(&allocator), "{state}");
    let unchanged = ["plan", "-detailed-exitcode", &vms(3)];
    module.terraform("http://another.example", &unchanged, &[]);

    let output = module.terraform(&allocator, &["output", "-json"], &[]).stdout;
    let output: Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(output["vm_instance_names"]["value"], json!(["vm-1", "vm-2", "vm-3"]));
    assert_eq!(output["vm_public_ips"]["value"], json!(["127.0.0.1", "127.0.0.1", "127.0.0.1"]));
    let vm = &output["vms"]["value"]["vm-2"];
    assert_eq!(vm["id"], output["vm_instance_ids"]["value"][1]);
    assert_eq!(vm["private_ip"], "127.0.0.1");
    assert_eq!(vm["number"], 2);
    assert_eq!(vm["directory"], module.vm("vm-2").to_str().unwrap());

    module.apply(&allocator, 2, &[]);
    assert_eq!([module.pid("vm-1"), module.pid("vm-2")], first[..2]);
    assert!(runs(first[0]) && runs(first[1]) && !runs(first[2]));
    assert!(!module.vm("vm-3").exists());

    module.terraform(&allocator, &["destroy", "-auto-approve"], &[]);
    assert_eq!(module.running(), [0; 0]);
    assert_eq!(fs::read_dir(module.vms()).unwrap().count(), 0);
}

#[test]
fn a_tainted_vm_is_made_anew_and_runs_once() {
    let allocator = allocator();
    let module = Module::for_terraform();
    module.apply(&allocator, 1, &[("vm-1", "secret-1")]);
    let first = module.pid("vm-1");
    until("it enrols", || module.agent_token("vm-1").is_some());
    fs::write(module.vm("vm-1").join("home/results.slp"), "of the old machine").unwrap();

    module.command("terraform").args(["taint", "terraform_data.vm[\"vm-1\"]"]).output().unwrap();
    module.apply(&allocator, 1, &[("vm-1", "secret-2")]);
    let second = module.pid("vm-1");
    assert_ne!(first, second);
    assert_eq!(module.running(), [second]);
    let renewed = Some("agent token for secret-2".to_owned());
    until("it enrols anew", || module.agent_token("vm-1") == renewed);
    assert!(!module.vm("vm-1").join("home/results.slp").exists());
}

#[test]
fn an_agent_that_does_not_start_fails_the_apply_with_the_reason() {
    let module = Module::for_terraform();
    let output = module
        .command("terraform")
        .args(["apply", "-auto-approve", "-no-color", &vms(1)])
        .env("TF_VAR_local_dir", module.vms())
        .env("TF_VAR_allocator_url", "http://127.0.0.1:9")
        .env("TF_VAR_agent_program", "/no/such/program")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("the agent ended at once") && said.contains("/no/such/program"),
        "{said}"
    );
    // It is tainted now, so Terraform will not destroy it: it is found by its folder.
    assert_eq!(module.vm_sh("list", &module.vms()).stdout, b"vm-1\n");
    assert!(module.vm_sh("remove", &module.vm("vm-1")).status.success());
    assert!(!module.vm("vm-1").exists());
}
