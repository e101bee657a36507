//! The programs of a lab: Terraform behind a door that lets one in at a time, `vm.sh` that can be
//! told to be slow or to fail, and a stand-in for the agent.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

pub struct Programs {
    pub terraform: PathBuf,
    pub agent: PathBuf,
    pub module: PathBuf,
    /// Files in here make the programs misbehave.
    pub faults: PathBuf,
}

impl Programs {
    /// `exports` is what Terraform finds in its environment beside what it is given.
    pub fn new(root: &Path, exports: &str) -> Self {
        let faults = root.join("faults");
        fs::create_dir_all(&faults).unwrap();
        let module = module(root, &faults);
        let terraform = root.join("terraform");
        // The lock is Terraform's, and its children's, for as long as they live.
        let door = format!(
            r#"#!/usr/bin/env bash
{exports}
if [[ $1 == apply ]]; then
    exec 8>'{root}/door'
    flock --nonblock 8 || echo "two at once" >>'{root}/violations'
    echo "$$" >'{root}/applying'
    if [[ -e '{root}/faults/full' ]]; then exec >/dev/full; fi
fi
if [[ -e '{root}/faults/hang-'$1 ]]; then exec sleep 900; fi
if [[ -e '{root}/faults/deaf-'$1 ]]; then trap '' INT TERM; while :; do sleep 900; done; fi
if [[ -e '{root}/faults/die-'$1 ]]; then kill -KILL $$; fi
exec terraform "$@"
"#,
            root = root.display()
        );
        write_program(&terraform, &door);
        let agent = root.join("agent");
        write_program(
            &agent,
            "#!/bin/sh\necho started >>\"$HOME/../starts\"\n\
             echo \"$LABLINK_ENROLMENT_TOKEN\" >\"$HOME/token\"\nexec sleep 3600\n",
        );
        Self { terraform, agent, module, faults }
    }
}

/// `terraform/local` with a `vm.sh` that looks for faults first.
fn module(root: &Path, faults: &Path) -> PathBuf {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../terraform/local");
    let module = root.join("module/local");
    fs::create_dir_all(&module).unwrap();
    for entry in fs::read_dir(original).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let name = entry.file_name();
            let name = if name == "vm.sh" { "real-vm.sh".into() } else { name };
            fs::copy(entry.path(), module.join(name)).unwrap();
        }
    }
    let script = format!(
        r#"#!/usr/bin/env bash
faults={faults} name=${{2##*/}}
if [[ $1 != list && -e $faults/fail-$1-$name ]]; then echo "no room for $name" >&2; exit 1; fi
if [[ $1 != list && -e $faults/hang-$1-$name ]]; then exec sleep 900; fi
if [[ $1 == start && -e $faults/slow ]]; then touch "$faults/reached"; sleep "$(<"$faults/slow")"; fi
if [[ $1 == start && -e $faults/linger ]]; then
    bash "$(dirname "$0")/real-vm.sh" "$@"
    touch "$faults/lingers-$name"
    exec sleep 900
fi
exec bash "$(dirname "$0")/real-vm.sh" "$@"
"#,
        faults = faults.display()
    );
    write_program(&module.join("vm.sh"), &script);
    module
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
