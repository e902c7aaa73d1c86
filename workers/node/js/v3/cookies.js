'use strict';

const { SystemError } = require('../errors.js');

const SAME_SITE = { lax: 'lax', strict: 'strict', none: 'explicitNone' };

function checked(value, type, name) {
  if (value === undefined || value === null) return undefined;
  if (typeof value === type) return value;
  throw new SystemError(`cookie.${name}: expected a '${type}', got a '${typeof value}'.`);
}

function nullable(value) {
  return value === undefined ? undefined : { value };
}

function secondsOf(value) {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return checked(Number.isNaN(number) ? value : number, 'number', 'maxAge');
}

function timestamp(value) {
  if (value === undefined || value === null) return undefined;
  const milliseconds = value instanceof Date ? value.getTime() : checked(value, 'number', 'expires');
  return milliseconds >= 0 ? { value: { seconds: Math.round(milliseconds / 1000) } } : undefined;
}

/** A cookie as functions write it, as RpcHttpCookie (spec worker-protocol.md §3.5). */
function toRpcCookie(cookie) {
  return {
    name: checked(cookie.name, 'string', 'name') ?? '',
    value: checked(cookie.value, 'string', 'value') ?? '',
    domain: nullable(checked(cookie.domain, 'string', 'domain')),
    path: nullable(checked(cookie.path, 'string', 'path')),
    expires: timestamp(cookie.expires),
    secure: nullable(checked(cookie.secure, 'boolean', 'secure')),
    httpOnly: nullable(checked(cookie.httpOnly, 'boolean', 'httpOnly')),
    sameSite: SAME_SITE[cookie.sameSite?.toLowerCase?.()] ?? 'none',
    maxAge: nullable(secondsOf(cookie.maxAge)),
  };
}

module.exports = { toRpcCookie };
