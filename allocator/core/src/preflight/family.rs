use super::Market;

/// A family of machine types, which share a quota of vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// A, C, D, H, I, M, R, T and Z.
    Standard,
    G,
    P,
    F,
    X,
    Inf,
    Trn,
    Dl,
    Hpc,
    HighMemory,
}

/// A quota, as AWS names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaName {
    /// As in `L-DB2E81BA`.
    pub code: &'static str,
    /// As in `Running On-Demand G and VT instances`.
    pub name: String,
}

impl Family {
    /// The family of a type such as `g4dn.xlarge`.
    pub fn of(machine_type: &str) -> Self {
        let letters = machine_type.split(|c: char| !c.is_ascii_lowercase()).next();
        match letters.unwrap_or_default() {
            "g" | "gr" | "vt" => Self::G,
            "p" => Self::P,
            "f" => Self::F,
            "x" => Self::X,
            "inf" => Self::Inf,
            "trn" => Self::Trn,
            "dl" => Self::Dl,
            "hpc" => Self::Hpc,
            "u" => Self::HighMemory,
            _ => Self::Standard,
        }
    }

    /// None: AWS sells these not as spot.
    pub fn quota(self, market: Market) -> Option<QuotaName> {
        let (words, on_demand, spot) = match self {
            Self::Standard => {
                ("Standard (A, C, D, H, I, M, R, T, Z)", "L-1216C47A", Some("L-34B43A08"))
            }
            Self::G => ("G and VT", "L-DB2E81BA", Some("L-3819A6DF")),
            Self::P => ("P", "L-417A185B", Some("L-7212CCBC")),
            Self::F => ("F", "L-74FC7D96", Some("L-88CF9481")),
            Self::X => ("X", "L-7295265B", Some("L-E3A00192")),
            Self::Inf => ("Inf", "L-1945791B", Some("L-B5D1601B")),
            Self::Trn => ("Trn", "L-2C3B7624", Some("L-6B0D517C")),
            Self::Dl => ("DL", "L-6E869C2A", Some("L-85EED4F7")),
            Self::Hpc => ("HPC", "L-F7808C92", None),
            Self::HighMemory => ("High Memory", "L-43DA4232", None),
        };
        Some(match market {
            Market::OnDemand => {
                QuotaName { code: on_demand, name: format!("Running On-Demand {words} instances") }
            }
            Market::Spot => {
                QuotaName { code: spot?, name: format!("All {words} Spot Instance Requests") }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_types_letters_tell_its_family() {
        for (machine_type, family) in [
            ("g4dn.xlarge", Family::G),
            ("gr6.4xlarge", Family::G),
            ("vt1.3xlarge", Family::G),
            ("p3.2xlarge", Family::P),
            ("p4d.24xlarge", Family::P),
            ("t2.medium", Family::Standard),
            ("im4gn.large", Family::Standard),
            ("inf2.xlarge", Family::Inf),
            ("u-6tb1.metal", Family::HighMemory),
            ("", Family::Standard),
        ] {
            assert_eq!(Family::of(machine_type), family, "{machine_type}");
        }
    }

    #[test]
    fn a_family_has_a_quota_on_demand_and_another_as_spot() {
        let on_demand = Family::G.quota(Market::OnDemand).unwrap();
        assert_eq!(on_demand.name, "Running On-Demand G and VT instances");
        let spot = Family::G.quota(Market::Spot).unwrap();
        assert_eq!(spot.name, "All G and VT Spot Instance Requests");
        assert_ne!(on_demand.code, spot.code);
        assert_eq!(Family::Hpc.quota(Market::Spot), None);
    }
}
