//! All ways to archive, and back.

use common_fs::Host;
use serde::Serialize;

use super::{
    home::{FORMS, Form, clean_sweep, restore_since, safe},
    messy::Messy,
};
use crate::proof::claim;

/// What came of one of them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfForm {
    form: &'static str,
    archived_rows: u64,
    archived_files: u64,
    archived_file_bytes: u64,
    saved_bytes: u64,
    restored_files: u64,
}

pub(super) fn prove(rows: u32) -> anyhow::Result<Vec<OfForm>> {
    FORMS.into_iter().map(|form| of_form(form, rows)).collect()
}

fn of_form(form: Form, rows: u32) -> anyhow::Result<OfForm> {
    let (host, policy, name) = (Host::real(), safe(), form.name());
    let messy = Messy::create(rows)?;
    let before = messy.home.tree()?;
    let sweep = clean_sweep(host, &messy.place, &policy, form.options())?;
    messy.is_swept(messy.expected, &sweep)?;
    let swept = messy.home.tree()?;
    let again = clean_sweep(host, &messy.place, &policy, form.options())?;
    claim(
        "rows and files that go twice",
        again.archived_files.count + again.archived_rows.count,
        0,
    )?;
    messy.home.tree()?.is_same(&format!("after a second sweep, {name}"), &swept)?;
    let restored = restore_since(host, &messy.place, &before)?;
    let lasting = messy.lasting(before);
    messy.home.tree()?.is_same(&format!("after a restore, {name}"), &lasting)?;
    messy.victims.are_untouched()?;
    Ok(OfForm {
        form: name,
        archived_rows: sweep.archived_rows.count,
        archived_files: sweep.archived_files.count,
        archived_file_bytes: sweep.archived_files.bytes,
        saved_bytes: sweep.saved_bytes,
        restored_files: restored.files.len() as u64,
    })
}
