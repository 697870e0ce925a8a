use common_fs::lock::{Guard, TryGuard};

use super::{Pace, Sweep, SweepError, Work};
use crate::{Act, FileClass, FileVerdict, Plan, classify};

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
            match self.remove_for_good(file) {
                Ok(()) => sweep.removed_files.add(file.size_bytes),
                Err(error) => sweep.refuse(file.name.to_string_lossy().into_owned(), error),
            }
            pace.step(1);
        }
        if sweep.removed_files.count != 0 {
            self.moves.sync()?;
        }
        Ok(())
    }

    fn remove_for_good(&self, file: &FileVerdict) -> Result<(), SweepError> {
        let FileClass::LockGuard = classify(&file.name, file.kind, self.place.layout) else {
            return Ok(self.moves.remove(file.folder, &file.name, file.kind)?);
        };
        let Some(dir) = self.moves.folder(file.folder) else { return Ok(()) };
        // Somebody may have taken it since it was looked at.
        match Guard::try_acquire(dir, &file.name)? {
            TryGuard::Acquired(guard) => Ok(guard.remove()?),
            TryGuard::Held => {
                let path = dir.path().join(&file.name);
                Err(SweepError::Changed { path, why: "is in use again" })
            }
        }
    }
}
