module.exports = { a() {}, b() {} };
