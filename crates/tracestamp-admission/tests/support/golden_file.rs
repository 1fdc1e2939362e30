//! Traces as text on file, to read and to review.

use std::path::Path;

/// Compares with the file `path` of this package; `UPDATE_GOLDEN=1` writes it instead.
pub fn compare(path: &str, now: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, now).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(golden == now, "{path} has another trace; UPDATE_GOLDEN=1 accepts this one:\n{now}");
}
