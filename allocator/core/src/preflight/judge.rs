//! What follows from AWS's answers.

use super::{
    Answer, Answers, Finding, Image, MachineType, Market, NoAnswer, Plan, Price, Question, Report,
    Right, Tried, Verdict, Wanted, quota::fit,
};

/// Without an answer about the GPU nothing is launched: VMs would come up that can't use theirs. Other
/// questions without an answer stop nothing.
pub(super) fn judge(plan: &Plan, wanted: &Wanted, answers: &Answers) -> Report {
    if let Err(NoAnswer::NoLogin(why)) = &answers.machine {
        let text = format!("AWS can't be asked: {why}");
        return Report {
            findings: vec![Finding { question: Question::Login, verdict: Verdict::Stops, text }],
            gpu_support: None,
            fits: None,
            quota_request: None,
        };
    }
    let machine = answers.machine.as_ref().ok().and_then(Option::as_ref);
    let quota = fit(plan, wanted, machine.map(|machine| machine.vcpus), &answers.quota);
    let mut findings = vec![offer(plan, answers)];
    // What is not offered has no GPU to speak of.
    if !matches!(answers.machine, Ok(None)) {
        findings.push(gpu(plan, &answers.machine));
    }
    findings.extend(others(plan, machine, &answers.others));
    findings.extend([
        image(plan, machine, &answers.image),
        quota.finding,
        rights(&answers.rights),
        price(plan, wanted, &answers.price),
    ]);
    Report {
        findings,
        gpu_support: machine.map(|machine| machine.gpus > 0),
        fits: quota.fits,
        quota_request: quota.request,
    }
}

fn finding(question: Question, verdict: Verdict, text: String) -> Finding {
    Finding { question, verdict, text }
}

fn offer(plan: &Plan, answers: &Answers) -> Finding {
    let Plan { region, machine_type, zones: allowed, .. } = plan;
    let found = |verdict, text| finding(Question::Offer, verdict, text);
    if matches!(answers.machine, Ok(None)) {
        let text = format!(
            "{region} has no {machine_type}: choose another machine type (machine.machine_type) or \
             region (app.region)."
        );
        return found(Verdict::Stops, text);
    }
    let spot = answers.machine.as_ref().ok().and_then(Option::as_ref).map(|machine| machine.spot);
    if plan.market == Market::Spot && spot == Some(false) {
        let text = format!("{machine_type} can't be had as spot: launch it on demand.");
        return found(Verdict::Stops, text);
    }
    let zones = match &answers.zones {
        Ok(zones) => zones,
        Err(why) => {
            let text = format!("It is not known which zones offer {machine_type}: {why}.");
            return found(Verdict::Unknown, text);
        }
    };
    let usable: Vec<_> =
        zones.iter().filter(|zone| allowed.is_empty() || allowed.contains(zone)).collect();
    if usable.is_empty() {
        let text = format!(
            "No zone that may be used offers {machine_type}; {}",
            if zones.is_empty() {
                format!("in all of {region} there is none.")
            } else {
                format!("these do: {}.", zones.join(", "))
            }
        );
        return found(Verdict::Stops, text);
    }
    if let Some(zone) = allowed.iter().find(|zone| !zones.contains(zone)) {
        let text = format!(
            "machine.zones names {zone}, which does not offer {machine_type}; these do: {}.",
            zones.join(", ")
        );
        return found(Verdict::Stops, text);
    }
    let names: Vec<_> = usable.into_iter().map(String::as_str).collect();
    found(Verdict::Good, format!("{machine_type} is offered in {}.", names.join(", ")))
}

fn gpu(plan: &Plan, answer: &Answer<Option<MachineType>>) -> Finding {
    let name = &plan.machine_type;
    let (verdict, text) = match answer {
        Ok(Some(MachineType { gpus: 0, .. })) => {
            (Verdict::Good, format!("{name} has no NVIDIA GPU: VMs are made without GPU support."))
        }
        Ok(Some(MachineType { gpus, gpu_name, .. })) => {
            (Verdict::Good, format!("{name} has {gpus} × NVIDIA {gpu_name}."))
        }
        Ok(None) => (Verdict::Stops, format!("There is no {name}.")),
        Err(why) => (
            Verdict::Stops,
            format!(
                "AWS did not tell whether {name} has a GPU ({why}), so VMs could come up without \
                 support for it. Try again, or have the right ec2:DescribeInstanceTypes given."
            ),
        ),
    };
    finding(Question::Gpu, verdict, text)
}

/// None: there are no other types.
fn others(
    plan: &Plan,
    machine: Option<&MachineType>,
    answer: &Answer<Vec<MachineType>>,
) -> Option<Finding> {
    let wanted = &plan.machine_type;
    let names: Vec<&str> = plan.types().skip(1).collect();
    if names.is_empty() {
        return None;
    }
    let found = |verdict, text| Some(finding(Question::Others, verdict, text));
    let (machine, known) = match (machine, answer) {
        (Some(machine), Ok(known)) => (machine, known),
        (None, _) => return None,
        (_, Err(why)) => {
            let text = format!("Nothing is known of machine.other_machine_types: {why}.");
            return found(Verdict::Unknown, text);
        }
    };
    for name in &names {
        let unfit = match known.iter().find(|it| it.name == *name) {
            None => format!("{} has no {name}", plan.region),
            Some(other) if (other.gpus > 0) != (machine.gpus > 0) => {
                let has = |gpus| if gpus > 0 { "has an NVIDIA GPU" } else { "has no NVIDIA GPU" };
                format!("{wanted} {}, and {name} {}", has(machine.gpus), has(other.gpus))
            }
            Some(other) if !other.stands_in_for(machine) => format!(
                "{wanted} is {}, and {name} is {}",
                machine.architectures.join(" or "),
                other.architectures.join(" or ")
            ),
            Some(_) => continue,
        };
        let text = format!("{unfit}: take {name} out of machine.other_machine_types.");
        return found(Verdict::Stops, text);
    }
    let text = format!("Where there is no {wanted}, VMs are made as {}.", names.join(" or "));
    found(Verdict::Good, text)
}

fn image(plan: &Plan, machine: Option<&MachineType>, answer: &Answer<Option<Image>>) -> Finding {
    let Plan { region, machine_type, image: id, root_gb, .. } = plan;
    let found = |verdict, text| finding(Question::Image, verdict, text);
    let image = match answer {
        Ok(Some(image)) => image,
        Ok(None) => {
            let text = format!(
                "There is no image {id} in {region} that this identity may use: images belong to one \
                 region. Name another one (machine.ami_id)."
            );
            return found(Verdict::Stops, text);
        }
        Err(why) => {
            let text = format!("It is not known whether the image {id} can be used: {why}.");
            return found(Verdict::Unknown, text);
        }
    };
    if image.state != "available" {
        let text = format!("The image {id} can't be used: AWS says that it is {}.", image.state);
        return found(Verdict::Stops, text);
    }
    let architectures = machine.map_or(&[][..], |machine| &machine.architectures);
    if !architectures.is_empty() && !architectures.contains(&image.architecture) {
        let text = format!(
            "The image {id} is for {}, and {machine_type} is {}.",
            image.architecture,
            architectures.join(" or ")
        );
        return found(Verdict::Stops, text);
    }
    match (root_gb, image.root_gb) {
        (Some(given), Some(needed)) if *given < needed => found(
            Verdict::Stops,
            format!(
                "The image {id} needs a root disk of {needed} GB, and {given} GB are configured."
            ),
        ),
        (given, needed) => {
            let disk = given.or(needed).map(|gb| format!(", with a root disk of {gb} GB"));
            let disk = disk.unwrap_or_default();
            found(
                Verdict::Good,
                format!("The image {id} is there, for {}{disk}.", image.architecture),
            )
        }
    }
}

fn rights(tried: &[Tried]) -> Finding {
    let found = |verdict, text| finding(Question::Rights, verdict, text);
    let refused = tried.iter().filter_map(|tried| match &tried.outcome {
        Ok(Right::Refused(why)) => Some(format!("{}: {why}", tried.call)),
        _ => None,
    });
    let refused: Vec<_> = refused.collect();
    if !refused.is_empty() {
        let text = format!("AWS would refuse what a launch does. {}", refused.join(" "));
        return found(Verdict::Stops, text);
    }
    let unknown = tried.iter().find_map(|tried| Some((tried.call, tried.outcome.as_ref().err()?)));
    match unknown {
        Some((call, why)) => {
            found(Verdict::Unknown, format!("It is not known whether {call} is allowed: {why}."))
        }
        None if tried.is_empty() => {
            found(Verdict::Unknown, "It is not known what this identity may do.".to_owned())
        }
        None => {
            let calls: Vec<_> = tried.iter().map(|tried| tried.call).collect();
            let text = format!("AWS allows what was tried: {}.", calls.join(", "));
            found(Verdict::Good, text)
        }
    }
}

fn price(plan: &Plan, wanted: &Wanted, answer: &Answer<Option<Price>>) -> Finding {
    let found = |verdict, text| finding(Question::Price, verdict, text);
    let Price { per_hour, currency } = match answer {
        Ok(Some(price)) => price,
        Ok(None) => {
            let text = format!("AWS’s price list has no price of {}.", plan.machine_type);
            return found(Verdict::Unknown, text);
        }
        Err(why) => return found(Verdict::Unknown, format!("The price is not known: {why}.")),
    };
    let all = per_hour * f64::from(wanted.count);
    let market = match plan.market {
        Market::OnDemand => "",
        Market::Spot => " as spot, today",
    };
    let hours = wanted.hours.map(|hours| {
        let total = all * f64::from(hours);
        format!(" For {hours} h: {total:.2} {currency}.")
    });
    let text = format!(
        "{per_hour:.3} {currency} per VM and hour{market}; all {}: {all:.2} {currency} per hour.{} \
         Disks and traffic cost extra.",
        wanted.count,
        hours.unwrap_or_default()
    );
    found(Verdict::Good, text)
}
