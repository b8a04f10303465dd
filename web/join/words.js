// What went wrong, in words that say what to do next. Pure functions, no page.

/** Why camera or microphone are not there: `error` is what getUserMedia threw; `wanted` is "camera", "microphone" or both. */
export function captureWords(error, wanted) {
  const are = wanted.includes(' and ') ? 'are' : 'is';
  switch (error.name) {
    case 'InsecureOrigin':
      return {
        title: 'This address is not secure',
        text: `Browsers share camera and microphone only with pages on https:// or on localhost. Open this page through
          https, or join without them: you will still see and hear everybody.`,
      };
    case 'NotAllowedError':
    case 'SecurityError':
      return {
        title: `${capital(wanted)} ${are} blocked`,
        text: `Allow this page to use ${are === 'are' ? 'them' : 'it'} in the browser's address bar (and in the system's privacy settings), then try
          again. Or join without.`,
        retry: true,
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { title: `No ${wanted.replace(' and ', ' or ')} found`, text: 'Plug one in and try again, or join without.', retry: true };
    case 'NotReadableError':
    case 'AbortError':
      return {
        title: `${capital(wanted)} ${are} busy`,
        text: 'Another program seems to use it. Close that program and try again, or join without.',
        retry: true,
      };
    default:
      return { title: `${capital(wanted)} ${are === 'are' ? 'do' : 'does'} not start`, text: `${error.message || error.name}. Try again, or join without.`, retry: true };
  }
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Why the server did not take us. `problem` is what session.js reports: {kind, status, detail}. */
export function joinWords(problem, { name, room }) {
  switch (problem.kind) {
    case 'taken':
      return {
        title: `“${name}” is taken`,
        text: `Somebody in “${room}” has this name already. Choose another one; if it was you a moment ago, wait half a
          minute and join again.`,
        field: 'name',
      };
    case 'denied':
      return {
        title: problem.hadToken ? 'This token does not open the room' : 'This server asks for a token',
        text: 'Enter the access token that you got from whoever runs this server.',
        field: 'token',
      };
    case 'missing':
      return { title: `There is no room “${room}” here`, text: 'Check the name of the room, or ask for a new link.', field: 'room' };
    case 'full':
      return { title: 'The room is full', text: 'Try again when somebody has left.' };
    case 'unreachable':
      return { title: 'The server does not answer', text: 'It may be restarting, or your network is down. Try again in a moment.' };
    case 'blocked':
      return {
        title: 'No media gets through',
        text: `The server answered, but sound and picture do not reach it. A firewall may block its media port: try
          another network, or ask whoever runs the server.`,
      };
    case 'unsupported':
      return { title: 'This browser cannot make calls', text: 'It has no WebRTC. Use a current Chrome, Edge, Firefox or Safari.' };
    default:
      return {
        title: 'The server refused',
        text: `It answered ${problem.status || 'with an error'}${problem.detail ? `: ${problem.detail}` : ''}.`,
      };
  }
}

/** One short line for the banner while a session is being brought back. */
export function retryWords(problem, seconds) {
  const why = {
    unreachable: 'The server is gone',
    blocked: 'No media gets through',
    taken: 'The server still holds your last connection',
    missing: 'The room is not there yet',
    lost: 'The connection is lost',
    silent: 'Nothing arrives any more',
  }[problem.kind] || 'The server refused';
  return seconds > 0 ? `${why}. Trying again in ${seconds} s…` : `${why}. Trying again now…`;
}
