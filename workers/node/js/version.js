'use strict';

/**
 * The level of `@azure/functions-core` we provide, in the numbering of the reference worker: libraries compare it to know
 * what they can call (`log` hooks came with 3.10).
 */
const CORE_VERSION = '3.11.0';

module.exports = { CORE_VERSION };
