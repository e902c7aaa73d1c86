require('@azure/functions');
require('a-package-nobody-installed');
