'use strict';
// The part of glob syntax that `main` in package.json uses: * ** ? [abc] {a,b}. Dot files are not matched, and ** does not
// enter node_modules.

const fs = require('node:fs');
const path = require('node:path');

/** `a{b,c{d,e}}` -> [ab, acd, ace] */
function expandBraces(pattern) {
  const open = pattern.indexOf('{');
  if (open < 0) return [pattern];
  const parts = [];
  let depth = 0;
  let from = open + 1;
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === '{') depth++;
    else if (pattern[i] === '}') depth--;
    else if (!(pattern[i] === ',' && depth === 1)) continue;
    if (depth > 1 || (depth === 1 && pattern[i] !== ',')) continue;
    parts.push(pattern.slice(from, i));
    from = i + 1;
    if (depth === 0) {
      const [head, tail] = [pattern.slice(0, open), pattern.slice(i + 1)];
      return parts.flatMap((part) => expandBraces(head + part + tail));
    }
  }
  return [pattern];
}

function segmentPattern(segment) {
  let source = '';
  for (let i = 0; i < segment.length; i++) {
    const c = segment[i];
    const close = c === '[' ? segment.indexOf(']', i + 2) : -1;
    if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (close > 0) {
      source += `[${segment.slice(i + 1, close).replace(/^!/, '^').replace(/\\/g, '\\\\')}]`;
      i = close;
    } else source += c.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  }
  return new RegExp(`^${source}$`);
}

function entries(directory) {
  try {
    return fs.readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  }
}

function statOf(file) {
  return fs.statSync(file, { throwIfNoEntry: false });
}

function* walk(base, segments) {
  const [segment, ...rest] = segments;
  if (segment === undefined) return;
  if (segment === '**') {
    yield* walk(base, rest.length > 0 ? rest : ['*']);
    for (const entry of entries(base)) {
      const deeper = entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.');
      if (deeper) yield* walk(path.join(base, entry.name), segments);
    }
    return;
  }
  const matches = /[*?[]/.test(segment) ? matching(base, segment) : [segment];
  for (const name of matches) {
    const full = path.join(base, name);
    if (rest.length > 0) yield* walk(full, rest);
    else if (statOf(full)?.isFile()) yield full;
  }
}

function matching(base, segment) {
  const pattern = segmentPattern(segment);
  const names = entries(base).map((entry) => entry.name);
  return names.filter((name) => pattern.test(name) && (segment.startsWith('.') || !name.startsWith('.')));
}

/** Files below `root` that match, as absolute paths without repeats, in the order of the pattern and then of the names. */
function glob(root, pattern) {
  const found = new Set();
  for (const expanded of expandBraces(pattern)) {
    const segments = expanded.split('/').filter((segment) => segment !== '' && segment !== '.');
    const base = path.isAbsolute(expanded) ? '/' : root;
    for (const file of walk(base, segments)) found.add(file);
  }
  return [...found];
}

module.exports = { glob };
