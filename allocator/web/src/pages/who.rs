pub fn who(actor: &str) -> String {
    match actor.split_once(':') {
        Some(("agent", hostname)) => format!("the agent of {hostname}"),
        Some((_, name)) => name.to_owned(),
        None => match actor {
            "participant" => "a participant",
            "agent" => "an agent",
            "forwarder" => "the log forwarder",
            "system" => "LabLink",
            other => other,
        }
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use lablink_core::Actor;

    use super::*;

    #[test]
    fn nobody_reads_how_an_actor_is_stored() {
        for (actor, words) in [
            (Actor::Admin("admin".to_owned()), "admin"),
            (Actor::Admin("a:b".to_owned()), "a:b"),
            (Actor::Agent("vm-1".parse().unwrap()), "the agent of vm-1"),
            (Actor::UnprovenAgent, "an agent"),
            (Actor::Anyone, "a participant"),
            (Actor::Forwarder, "the log forwarder"),
            (Actor::System, "LabLink"),
        ] {
            assert_eq!(who(&actor.to_string()), words);
        }
    }
}
