const missing = require('./does-not-exist');
module.exports = missing;
