module.exports = {
  greeting: 'hi',
  run: async () => 'run',
  other: async function () {
    return `${this.greeting} other`;
  },
};
