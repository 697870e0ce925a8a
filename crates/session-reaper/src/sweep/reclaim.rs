use super::{Failure, Pace, Sweep, SweepError, Work};
use crate::{Act, Plan};

impl Work<'_> {
    /// Removes for good what a plan says.
    pub(super) fn reclaim(
        &self,
        plan: &Plan,
        pace: &mut Pace<'_>,
        sweep: &mut Sweep,
    ) -> Result<(), SweepError> {
        for file in plan.files.iter().filter(|file| file.verdict.act() == Some(Act::Remove)) {
            if !pace.goes_on() {
                break;
            }
            match self.moves.remove(file.folder, &file.name, file.kind) {
                Ok(()) => sweep.removed_files.add(file.size_bytes),
                Err(error) => {
                    let what = file.name.to_string_lossy().into_owned();
                    sweep.failures.push(Failure { what, error: error.into() });
                }
            }
            pace.step(1);
        }
        if sweep.removed_files.count != 0 {
            self.moves.sync()?;
        }
        Ok(())
    }
}
