//! The texts a plan is made of, by reference. The caller reads them; this crate does no IO.

use crate::action_source::ActionRef;
use crate::yaml::FileId;
use std::sync::Arc;

/// Which file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FileReference {
    /// A path in the repository of the run, without `./` before it: `.github/workflows/ci.yml`.
    Local(String),
    /// A file of another repository; `path` of the reference is the path within it.
    Remote(ActionRef),
}

impl std::fmt::Display for FileReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(path) => f.write_str(path),
            Self::Remote(ActionRef { host, repository, path, reference }) => {
                if let Some(host) = host {
                    write!(f, "{host}/")?;
                }
                write!(f, "{repository}/{path}@{reference}")
            }
        }
    }
}

/// One file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// What was asked for.
    pub reference: FileReference,
    /// Its text, or why it could not be had.
    pub text: Result<Arc<str>, String>,
}

/// Files in the order in which they were given: the place of one is its [`FileId`], which spans and diagnostics name.
/// Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    list: Vec<Arc<SourceFile>>,
}

impl Files {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the text of a file, or replaces it.
    pub fn insert(&mut self, reference: FileReference, text: impl Into<Arc<str>>) -> FileId {
        self.put(SourceFile { reference, text: Ok(text.into()) })
    }

    /// Says that a file cannot be had, and why; whoever calls it gets an error there.
    pub fn insert_missing(&mut self, reference: FileReference, why: impl Into<String>) -> FileId {
        self.put(SourceFile { reference, text: Err(why.into()) })
    }

    /// The file of an id.
    #[must_use]
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.list.get(usize::from(id.0)).map(AsRef::as_ref)
    }

    /// The id of a file.
    #[must_use]
    pub fn find(&self, reference: &FileReference) -> Option<FileId> {
        let at = self.list.iter().position(|file| file.reference == *reference)?;
        Some(FileId(u16::try_from(at).unwrap_or(u16::MAX)))
    }

    /// All files, in order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.list.iter().enumerate().map(|(at, file)| (FileId(u16::try_from(at).unwrap_or(u16::MAX)), file.as_ref()))
    }

    fn put(&mut self, file: SourceFile) -> FileId {
        let at = if let Some(at) = self.list.iter().position(|old| old.reference == file.reference) {
            self.list[at] = Arc::new(file);
            at
        } else {
            self.list.push(Arc::new(file));
            self.list.len() - 1
        };
        FileId(u16::try_from(at).unwrap_or(u16::MAX))
    }
}
