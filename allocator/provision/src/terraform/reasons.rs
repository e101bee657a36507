//! What Terraform and AWS say when something well known goes wrong, in plain words, with what to
//! do about it. Codes as in the EC2 and STS API references' lists of errors.

use lablink_core::placement::Shortage;

/// What is quoted of the original, in characters. All of it is in the log.
const QUOTED: usize = 500;

/// How Terraform begins when it did not get the state's lock in time, and what it adds about the
/// holder. Without a holder, something else is wrong, such as a full disk.
const NO_LOCK: &str = "Error acquiring the state lock";
const HOLDER: &str = "Lock Info:";

struct Known {
    /// Any of these words tells it.
    signs: &'static [&'static str],
    advice: &'static str,
    /// Of what AWS has too little, where that is the reason.
    shortage: Option<Shortage>,
}

/// In order: the first that fits wins.
const KNOWN: [Known; 16] = [
    Known {
        signs: &[
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "InsufficientReservedInstanceCapacity",
            "InsufficientCapacity",
            "UnfulfillableCapacity",
            "capacity-not-available",
        ],
        advice: "AWS has no machine of this type left in this zone at the moment.",
        shortage: Some(Shortage::Capacity),
    },
    Known {
        signs: &["SpotMaxPriceTooLow"],
        advice: "The price of spot machines is above `machine.spot_max_price` in this zone at the \
                 moment.",
        shortage: Some(Shortage::Capacity),
    },
    Known {
        signs: &["InsufficientFreeAddressesInSubnet"],
        advice: "The subnet in this zone has no address left.",
        shortage: Some(Shortage::Capacity),
    },
    Known {
        signs: &["is not supported in your requested Availability Zone"],
        advice: "AWS does not offer this machine type in this zone.",
        shortage: Some(Shortage::Capacity),
    },
    Known {
        signs: &["VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded"],
        advice: "The AWS account's quota for machines of this kind is reached. Destroy VMs that \
                 nobody needs, or ask for more in the AWS console under Service Quotas, Amazon EC2.",
        shortage: Some(Shortage::Quota),
    },
    Known {
        signs: &["PendingVerification"],
        advice: "AWS is still checking whether this account may have such machines here. That takes \
                 some hours at most.",
        shortage: Some(Shortage::Quota),
    },
    Known {
        signs: &["AddressLimitExceeded", "VolumeLimitExceeded", "ServiceQuotaExceeded"],
        advice: "The AWS account's quota is reached. Destroy VMs that nobody needs, launch fewer, \
                 or ask for more in the AWS console under Service Quotas.",
        shortage: None,
    },
    Known {
        signs: &["ExpiredToken", "RequestExpired", "token included in the request is expired"],
        advice: "The AWS credentials have expired. Give the allocator new ones, then retry.",
        shortage: None,
    },
    Known {
        signs: &[
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "AuthFailure",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "No valid credential sources",
        ],
        advice: "AWS does not accept the allocator's credentials. Check the access key, or the \
                 role of the machine that it runs on.",
        shortage: None,
    },
    Known {
        signs: &["UnauthorizedOperation", "AccessDenied", "is not authorized to perform"],
        advice: "The allocator's AWS credentials lack a permission for this. Add it to their \
                 policy; what AWS says below names it.",
        shortage: None,
    },
    Known {
        signs: &["InvalidAMIID", "query returned no results"],
        advice: "The machine image was not found in this region. Check `machine.ami_id` and \
                 `app.region` in the configuration.",
        shortage: None,
    },
    Known {
        signs: &["InvalidInstanceType"],
        advice: "This machine type is not offered here. Choose another `machine.machine_type`, or \
                 another region.",
        shortage: None,
    },
    Known {
        signs: &[HOLDER],
        advice: "Somebody else holds the lock of Terraform's state: another Terraform is at work. \
                 Wait for its end. If none runs any more, free the lock with `terraform \
                 force-unlock` and the ID below.",
        shortage: None,
    },
    Known {
        signs: &["RequestLimitExceeded", "Throttling"],
        advice: "AWS asks for fewer requests at a time. Retry in some minutes.",
        shortage: None,
    },
    Known {
        signs: &["no space left on device"],
        advice: "The disk of the allocator's machine is full. Free some space, then retry.",
        shortage: None,
    },
    Known {
        signs: &["Failed to save state", "Failed to persist state"],
        advice: "The place of Terraform's state did not take it. The allocator has kept it, and \
                 saves it as soon as that is possible.",
        shortage: None,
    },
];

/// Whether an error of Terraform's is that somebody else holds the state's lock. Terraform has then
/// done nothing.
pub(super) fn is_lock(said: &str) -> bool {
    said.contains(NO_LOCK) && said.contains(HOLDER)
}

/// Of what AWS has too little.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooLittle {
    pub shortage: Shortage,
    /// A sentence for people.
    pub words: &'static str,
}

/// What AWS has too little of, if this error of Terraform's says so.
pub(super) fn too_little(said: &str) -> Option<TooLittle> {
    let Known { advice, shortage, .. } = known(said)?;
    shortage.map(|shortage| TooLittle { shortage, words: advice })
}

fn known(said: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.signs.iter().any(|sign| said.contains(sign)))
}

/// An error of Terraform's, without colours and the like, with what to do where that is known.
pub(super) fn plain(said: &str) -> String {
    let said = &*lablink_core::plain(said);
    if let Some((_, output)) = said.split_once("local-exec provisioner error")
        && let Some((_, output)) = output.split_once("Output: ")
    {
        return format!("A command on this machine failed: {}", shortened(output));
    }
    match known(said) {
        Some(known) => format!("{} Terraform said: {}", known.advice, shortened(said)),
        None => shortened(said),
    }
}

fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 6 of the AWS provider and version 1.11 of Terraform write them.
    const SAID: [(&str, &str); 12] = [
        (
            "creating EC2 Instance: operation error EC2: RunInstances, https response error \
             StatusCode: 500, RequestID: 1c2f, api error InsufficientInstanceCapacity: We \
             currently do not have sufficient g4dn.xlarge capacity in the Availability Zone you \
             requested (us-west-2a).",
            "no machine of this type left",
        ),
        (
            "creating EC2 Instance: operation error EC2: RunInstances, https response error \
             StatusCode: 400, RequestID: 6a, api error VcpuLimitExceeded: You have requested more \
             vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that \
             the specified instance type belongs to.",
            "is reached",
        ),
        (
            "creating EC2 Instance: operation error EC2: RunInstances, https response error \
             StatusCode: 400, RequestID: 6b, api error InstanceLimitExceeded: Your quota allows \
             for 0 more running instance(s). You requested at least 1",
            "is reached",
        ),
        (
            "validating provider credentials: retrieving caller identity from STS: operation \
             error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: 77, \
             api error InvalidClientTokenId: The security token included in the request is \
             invalid.",
            "does not accept",
        ),
        (
            "No valid credential sources found: Please see https://registry.terraform.io for more \
             information about providing credentials.",
            "does not accept",
        ),
        (
            "creating EC2 Instance: operation error EC2: RunInstances, https response error \
             StatusCode: 401, RequestID: 9, api error AuthFailure: AWS was not able to validate \
             the provided access credentials",
            "does not accept",
        ),
        (
            "retrieving caller identity from STS: operation error STS: GetCallerIdentity, https \
             response error StatusCode: 403, RequestID: 2, api error ExpiredToken: The security \
             token included in the request is expired",
            "have expired",
        ),
        (
            "creating EC2 Instance: operation error EC2: RunInstances, https response error \
             StatusCode: 400, RequestID: b, api error InvalidAMIID.NotFound: The image id \
             '[ami-0123]' does not exist",
            "image was not found",
        ),
        (
            "creating EC2 Instance: operation error EC2: RunInstances, https response error \
             StatusCode: 403, RequestID: c, api error UnauthorizedOperation: You are not \
             authorized to perform this operation. User: arn:aws:sts::1:assumed-role/a/i is not \
             authorized to perform: ec2:RunInstances",
            "lack a permission",
        ),
        (
            "Failed to load state: operation error S3: GetObject, https response error StatusCode: \
             403, RequestID: d, api error AccessDenied: Access Denied",
            "lack a permission",
        ),
        (
            "Error acquiring the state lock: Error message: operation error S3: PutObject, https \
             response error StatusCode: 412, RequestID: e, api error PreconditionFailed: At least \
             one of the pre-conditions you specified did not hold\nLock Info:\n  ID:        5-6",
            "holds the lock",
        ),
        (
            "Failed to save state: write /data/errored.tfstate: no space left on device",
            "disk of the allocator's machine is full",
        ),
    ];

    #[test]
    fn well_known_failures_say_what_to_do_and_quote_the_original() {
        for (said, expected) in SAID {
            let reason = plain(said);
            assert!(reason.contains(expected), "{reason}");
            let code = said.split_whitespace().last().unwrap();
            assert!(reason.ends_with(code), "{reason}");
        }
    }

    #[test]
    fn what_may_be_had_elsewhere_or_later_is_told_from_what_is_wrong() {
        let said = |code: &str| {
            too_little(&format!("api error {code}: Sorry.")).map(|found| found.shortage)
        };
        for (code, expected) in [
            ("InsufficientInstanceCapacity", Some(Shortage::Capacity)),
            ("InsufficientHostCapacity", Some(Shortage::Capacity)),
            ("SpotMaxPriceTooLow", Some(Shortage::Capacity)),
            ("InsufficientFreeAddressesInSubnet", Some(Shortage::Capacity)),
            (
                "Unsupported: X is not supported in your requested Availability Zone",
                Some(Shortage::Capacity),
            ),
            ("VcpuLimitExceeded", Some(Shortage::Quota)),
            ("InstanceLimitExceeded", Some(Shortage::Quota)),
            ("MaxSpotInstanceCountExceeded", Some(Shortage::Quota)),
            ("PendingVerification", Some(Shortage::Quota)),
            ("VolumeLimitExceeded", None),
            ("UnauthorizedOperation", None),
            ("InvalidAMIID.NotFound", None),
            ("Anything", None),
        ] {
            assert_eq!(said(code), expected, "{code}");
        }
    }

    #[test]
    fn a_lock_has_a_holder() {
        assert!(SAID.iter().any(|(said, _)| is_lock(said)));
        let full = "Error acquiring the state lock\n\nError message: write .lock.info: no space \
                    left on device";
        assert!(!is_lock(full) && plain(full).starts_with("The disk"));
    }

    #[test]
    fn a_command_s_own_words_are_the_reason() {
        let said = "local-exec provisioner error: Error running command '/vms/a': exit status 1. \
                    Output: vm.sh: the agent ended at once\n";
        assert_eq!(plain(said), "A command on this machine failed: vm.sh: the agent ended at once");
    }

    #[test]
    fn nothing_that_a_terminal_would_obey_is_quoted() {
        let said = "\u{1b}[31mFailed to refresh state: \u{1b}]0;x\u{7}\u{9b}2J\u{202e}bad\u{1b}[0m";
        assert_eq!(plain(said), "Failed to refresh state: bad");
    }

    #[test]
    fn the_unknown_stays_as_it_is_but_short() {
        assert_eq!(plain("Cycle:\n  a,  b"), "Cycle: a, b");
        assert_eq!(plain(&"ä".repeat(3000)).chars().count(), QUOTED + 1);
    }
}
