//! A walk over all groups below one, however deep they are nested.
//!
//! Whoever is given a group may nest thousands in it. So there is no recursion, and only the last
//! few directories of the way down are held open. Those above are opened again, by their names
//! from the top, once the walk is back up there: not by `..`, which a group that was opened by its
//! id outside of its mount's root does not have.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use crate::dir::GroupDir;
use crate::error::Error;

/// How many directories are held open at most.
const HELD: usize = 16;

/// The longest name of a group, and the longest path that the kernel takes at once.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4096;

/// What is done with the groups on the way.
pub(crate) trait Visit {
    /// Whether the group `name` of `parent` need not even be opened.
    fn is_done_unopened(&mut self, _parent: &GroupDir, _name: &OsStr) -> bool {
        false
    }

    /// On the way down; `false` passes over the group and all below it, as does an error that says
    /// that it is gone.
    fn enter(&mut self, _group: &GroupDir) -> Result<bool, Error> {
        Ok(true)
    }

    /// On the way up, after all below the group.
    fn leave(&mut self, _parent: &GroupDir, _name: &OsStr, _group: &GroupDir) -> Result<(), Error> {
        Ok(())
    }
}

/// Visits every group below `top`, but not `top` itself. Groups that vanish meanwhile are passed
/// over.
pub(crate) fn visit(
    top: &GroupDir,
    magic: (u64, &'static str),
    visit: &mut impl Visit,
) -> Result<(), Error> {
    let mut todo = vec![top.children()?.into_iter()];
    let mut way = Way {
        top,
        magic,
        steps: Vec::new(),
        held: VecDeque::new(),
    };
    while let Some(names) = todo.last_mut() {
        let Some(name) = names.next() else {
            todo.pop();
            if let Some((name, Some(group))) = way.up()
                && let Some(parent) = way.here()?
            {
                visit.leave(parent, &name, &group)?;
            }
            continue;
        };
        let Some(here) = way.here()? else {
            // Gone, and so is all in it.
            *names = Vec::new().into_iter();
            continue;
        };
        if visit.is_done_unopened(here, &name) {
            continue;
        }
        let Some(group) = unless_gone(here.open_child(&name, magic))? else {
            continue;
        };
        if unless_gone(visit.enter(&group))? == Some(true) {
            let below: IntoIter<_> = unless_gone(group.children())?
                .unwrap_or_default()
                .into_iter();
            way.down(name, group);
            todo.push(below);
        }
    }
    Ok(())
}

/// The way from the top to where the walk is.
struct Way<'a> {
    top: &'a GroupDir,
    magic: (u64, &'static str),
    steps: Vec<Step>,
    /// The directories of the last steps. Empty also where they are to be opened again.
    held: VecDeque<GroupDir>,
}

struct Step {
    name: OsString,
    inode: u64,
}

impl Way<'_> {
    fn down(&mut self, name: OsString, group: GroupDir) {
        let inode = group.inode();
        self.steps.push(Step { name, inode });
        self.hold(group);
    }

    /// The name of the group that was left and, unless it is gone, its directory.
    fn up(&mut self) -> Option<(OsString, Option<GroupDir>)> {
        let step = self.steps.pop()?;
        Some((step.name, self.held.pop_back()))
    }

    /// Where the walk is; `None` if that group is gone.
    fn here(&mut self) -> Result<Option<&GroupDir>, Error> {
        if self.steps.is_empty() {
            return Ok(Some(self.top));
        }
        if self.held.is_empty() {
            self.open_again()?;
        }
        Ok(self.held.back())
    }

    /// Opens the directories of the last steps; none if one of them is gone. Those above are passed
    /// in strides as long as a path may be.
    fn open_again(&mut self) -> Result<(), Error> {
        let first = self.steps.len().saturating_sub(HELD);
        let mut stride = PathBuf::new();
        for index in 0..self.steps.len() {
            let Some(step) = self.steps.get(index) else {
                break;
            };
            stride.push(&step.name);
            if index < first && stride.as_os_str().len() + NAME_MAX + 2 < PATH_MAX {
                continue;
            }
            let from = self.held.back().unwrap_or(self.top);
            match unless_gone(open_below(from, &stride, self.magic))? {
                // Another one of the same name is not ours to walk through.
                Some(group) if group.inode() == step.inode => self.hold(group),
                _ => {
                    self.held.clear();
                    return Ok(());
                }
            }
            stride.clear();
        }
        Ok(())
    }

    fn hold(&mut self, group: GroupDir) {
        self.held.push_back(group);
        if self.held.len() > HELD {
            self.held.pop_front();
        }
    }
}

fn open_below(
    from: &GroupDir,
    relative: &Path,
    magic: (u64, &'static str),
) -> Result<GroupDir, Error> {
    GroupDir::open_at(from.as_fd(), relative, from.path().join(relative), magic)
}

fn unless_gone<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.is_gone() => Ok(None),
        Err(e) => Err(e),
    }
}
