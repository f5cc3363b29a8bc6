/** nginx as an operator tunes it for this: one worker, two random choices, kept connections, nothing buffered, no access log. */
import type { Arm } from "./arm.ts";
import { freePort, startPinned, untilListening } from "./pinned-process.ts";

export const nginx: Arm = {
  name: "nginx",
  install: "apt-get install nginx-light",
  isInstalled: () => program() !== null,
  async start({ enginePorts, cores, directory }) {
    const port = freePort();
    const path = `${directory}/nginx.conf`;
    await Bun.write(path, configuration(port, enginePorts, directory));
    const child = startPinned([program() ?? "nginx", "-c", path, "-e", `${directory}/nginx.err`], {
      cores,
      cwd: directory,
      logPath: `${directory}/nginx.log`,
    });
    await untilListening(port, child, "nginx");
    return { name: "nginx", port, child };
  },
};

function program(): string | null {
  return Bun.which("nginx", { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` });
}

function configuration(port: number, engines: readonly number[], directory: string): string {
  // Started by root, its worker would not get into the directory where it keeps long bodies.
  const user = process.getuid?.() === 0 ? "user root; " : "";
  return `${user}worker_processes 1; daemon off; pid ${directory}/nginx.pid; worker_rlimit_nofile 20000;
events { worker_connections 19500; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_max_body_size 0; client_body_buffer_size 256k;
  client_body_temp_path ${directory}/nginx-bodies; proxy_temp_path ${directory}/nginx-answers;
  fastcgi_temp_path ${directory}/nginx-f; uwsgi_temp_path ${directory}/nginx-u; scgi_temp_path ${directory}/nginx-s;
  upstream engines {
    zone engines 256k; random two least_conn;
    ${engines.map((engine) => `server 127.0.0.1:${engine};`).join(" ")}
    keepalive 512; keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096; tcp_nodelay on;
    location / { proxy_pass http://engines; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s; }
  }
}
`;
}
