//! W7: two programs with one state directory.

use cache_warmer::{Claim, StoredSettings};
use common_fs::sim::Sim;

use crate::state::{ON, state};

#[test]
fn w7_of_two_programs_one_warms() {
    let sim = Sim::new();
    let (first, second) = (state(sim.host()), state(sim.host()));
    let claim = first.claim().unwrap();
    assert!(matches!(claim, Claim::Ours(_)));
    assert!(matches!(second.claim().unwrap(), Claim::Others));
    // The other one can read, to say so.
    first.persist(&mut StoredSettings::default(), "a", ON).unwrap();
    assert_eq!(second.settings().unwrap().get("a"), ON);
    // The right ends with its holder, however that ends.
    drop(claim);
    assert!(matches!(second.claim().unwrap(), Claim::Ours(_)));
}
