'use strict';

/** What one function app has registered. An environment reload replaces it (spec worker-protocol.md §5.4). */
class AppState {
  constructor(defaultModel) {
    /** Functions by id: {metadata, callback, name, logCategory}. Registered by the app, or loaded from function.json. */
    this.functions = new Map();
    this.usesWorkerIndexing = false;
    this.hooks = { preInvocation: [], postInvocation: [], appStart: [], appTerminate: [], log: [] };
    this.appHookData = {};
    /** hookData of the appStart and appTerminate hooks. */
    this.appOnlyHookData = {};
    this.programmingModel = defaultModel;
    this.directory = undefined;
    this.packageJson = {};
    /** The entry file being loaded, which registrations are attributed to. */
    this.entryFile = undefined;
    /** Set from the first metadata or load request on: nothing can be registered any more. */
    this.isLocked = false;
    /** Whether what the first invocation needs has been loaded ahead of it. */
    this.isWarm = false;
    /** Why the entry files could not be loaded. */
    this.startError = undefined;
  }
}

module.exports = { AppState };
