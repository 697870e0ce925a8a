use std::ffi::OsStr;

use super::{
    Failure, Pace, Sweep, Work,
    carry::Context,
    moves::remove,
    tasks::{Task, Victim},
};
use crate::{
    SweepError,
    copy::{Direction, copy},
};

impl Work<'_> {
    /// Makes compressed copies. What none can be made of stays, and so does what there is no time for.
    pub(super) fn make_copies<'l>(
        &self,
        tasks: Vec<Task<'l>>,
        context: &Context<'_>,
        pace: &mut Pace<'_>,
        sweep: &mut Sweep,
    ) -> Vec<Task<'l>> {
        let mut able = Vec::with_capacity(tasks.len());
        for mut task in tasks {
            if !pace.goes_on() {
                break;
            }
            let mut compressible = task.files.iter_mut().filter(|file| file.is_compressible());
            match compressible.try_for_each(|file| self.make_copy(file, context, sweep)) {
                Ok(()) => able.push(task),
                Err(error) => {
                    self.drop_copies(&task, context);
                    sweep.failures.push(Failure { what: task.name(), error });
                }
            }
        }
        able
    }

    fn make_copy(
        &self,
        file: &mut Victim<'_>,
        context: &Context<'_>,
        sweep: &mut Sweep,
    ) -> Result<(), SweepError> {
        let Some(folder) = self.moves.folder(context.orders.options.folder) else { return Ok(()) };
        let owner = self.host.processes.identity().process;
        let to = format!("{}.zst", file.to);
        let (source, target) = ((self.dir, OsStr::new(&file.from)), (folder, OsStr::new(&to)));
        let copied = copy(source, target, Direction::Compress, owner)?;
        sweep.saved_bytes += file.fact.size_bytes.saturating_sub(copied.size_bytes);
        (file.to, file.copy) = (to, copied.name.into_string().ok());
        Ok(())
    }

    pub(super) fn drop_all_copies(&self, tasks: &[Task<'_>], context: &Context<'_>) {
        for task in tasks {
            self.drop_copies(task, context);
        }
    }

    pub(super) fn drop_copies(&self, task: &Task<'_>, context: &Context<'_>) {
        let Some(folder) = self.moves.folder(context.orders.options.folder) else { return };
        for copy in task.files.iter().filter_map(|file| file.copy.as_deref()) {
            // What stays behind names its owner, and a later sweep finds it.
            remove(folder, OsStr::new(copy)).ok();
        }
    }
}
