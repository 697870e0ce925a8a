mod replay;

use replay::{EXPECTED, rows};

#[test]
fn what_is_in_them() {
    for chunk in [usize::MAX, 7, 1] {
        let rows = rows(chunk);
        for expected in EXPECTED {
            assert!(rows.iter().any(|row| row.starts_with(expected)), "{expected}\n{rows:#?}");
        }
    }
}
