// Eco con Node: epoll, por debajo.
require("net").createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
