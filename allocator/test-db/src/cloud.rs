use std::collections::HashMap;

use lablink_core::aws::{Answer, AwsKeys, CloudMachine, CloudMachines, Kept, Owner, Told};

/// A cloud for tests in which nobody asks one: who does panics.
pub struct NobodyAsks;

impl CloudMachines for NobodyAsks {
    fn machines<'a>(
        &'a self,
        _: Option<&'a AwsKeys>,
        _: &'a Owner,
    ) -> Answer<'a, Vec<CloudMachine>> {
        unreachable!("the machines were asked for")
    }

    fn how_are<'a>(
        &'a self,
        _: Option<&'a AwsKeys>,
        _: &'a [String],
    ) -> Answer<'a, HashMap<String, Told>> {
        unreachable!("how machines are was asked for")
    }

    fn reboot<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a [String]) -> Answer<'a, ()> {
        unreachable!("machines were to be rebooted")
    }

    fn end<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a [String]) -> Answer<'a, ()> {
        unreachable!("machines were to be ended")
    }

    fn keep<'a>(&'a self, _: Option<&'a AwsKeys>, _: &'a Kept) -> Answer<'a, ()> {
        unreachable!("a text was to be kept")
    }
}
