-- Uses vsva in Neovim as a person would, and writes what it saw as JSON to the file named by $VSVA_SEEN.
-- Loaded behind the configuration of docs/editors.md.
local seen = {}

local function finish()
  local file = assert(io.open(os.getenv('VSVA_SEEN'), 'w'))
  file:write(vim.json.encode(seen))
  file:close()
end

local function wait(what, condition)
  if not vim.wait(20000, condition, 20) then error(what .. ' did not come') end
end

local function virtual_texts()
  local ns = vim.api.nvim_get_namespaces().vsva
  local texts = {}
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, { details = true })) do
    table.insert(texts, { line = mark[2] + 1, text = vim.trim(mark[4].virt_text[1][1]), colour = mark[4].virt_text[1][2] })
  end
  return texts
end

local function find(pattern)
  vim.fn.cursor(1, 1)
  assert(vim.fn.search(pattern, 'cW') > 0, pattern .. ' is not in the text')
end

local function run()
  seen.version = tostring(vim.version().major) .. '.' .. vim.version().minor .. '.' .. vim.version().patch
  vim.cmd('edit ' .. vim.fn.fnameescape(os.getenv('VSVA_FILE')))
  local buf = vim.api.nvim_get_current_buf()
  seen.filetype = vim.bo.filetype

  -- Diagnostics: the failure of the run arrives without being asked for.
  wait('a diagnostic', function()
    return #vim.diagnostic.get(buf) > 0
  end)
  wait('results', function()
    return #virtual_texts() > 0
  end)
  seen.diagnostics = vim.tbl_map(function(d)
    local lsp = d.user_data.lsp
    return { line = d.lnum + 1, code = lsp.code, message = d.message, related = lsp.relatedInformation }
  end, vim.diagnostic.get(buf))
  seen.results = virtual_texts()

  -- Hover, in the window that Neovim opens for it.
  find('dma read')
  vim.lsp.buf.hover()
  local float
  wait('a hover', function()
    for _, window in ipairs(vim.api.nvim_list_wins()) do
      if vim.api.nvim_win_get_config(window).relative ~= '' then float = window end
    end
    return float ~= nil
  end)
  seen.hover = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(float), 0, -1, false), '\n')
  vim.api.nvim_win_close(float, true)

  -- Completion, as the items of a completion menu, behind letters of several bytes.
  find('expect ok')
  vim.fn.cursor(vim.fn.line('.'), vim.fn.col('.') + #'expect ')
  local params = vim.lsp.util.make_position_params(0, 'utf-16')
  for _, answer in pairs(vim.lsp.buf_request_sync(buf, 'textDocument/completion', params, 20000)) do
    seen.completion = vim.tbl_map(function(item)
      return { item.label, item.textEdit.range.start.character, item.textEdit.range['end'].character }
    end, answer.result)
  end

  -- A code action: the missing invalidation, chosen from the menu.
  vim.fn.cursor(seen.diagnostics[1].line, 5)
  local offered
  vim.ui.select = function(items, options, choose)
    offered = vim.tbl_map(options.format_item, items)
    seen.actions = offered
    for i, item in ipairs(items) do
      if options.format_item(item):find(os.getenv('VSVA_ACTION'), 1, true) then return choose(item, i) end
    end
    choose(nil)
  end
  local before = vim.api.nvim_buf_line_count(buf)
  vim.lsp.buf.code_action()
  wait('the edit of a code action', function()
    return offered ~= nil and vim.api.nvim_buf_line_count(buf) ~= before
  end)
  -- Everything that was drawn is marked before anything new arrives.
  seen.outdated = virtual_texts()
  wait('a file without diagnostics', function()
    return #vim.diagnostic.get(buf) == 0
  end)
  wait('new results', function()
    local texts = virtual_texts()
    return #texts > 0 and not texts[#texts].text:find('(stale)', 1, true)
  end)
  seen.mended = virtual_texts()
  seen.text = table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), '\n')

  -- Code lenses, with the outcome.
  vim.lsp.codelens.refresh()
  wait('code lenses', function()
    return #vim.lsp.codelens.get(buf) > 0
  end)
  seen.lenses = vim.tbl_map(function(lens)
    return lens.command.title
  end, vim.lsp.codelens.get(buf))

  -- Go to definition, into the included file.
  find('submit bind')
  vim.fn.cursor(vim.fn.line('.'), vim.fn.col('.') + #'submit ')
  vim.cmd('write')
  vim.lsp.buf.definition()
  wait('the definition', function()
    return vim.api.nvim_get_current_buf() ~= buf
  end)
  seen.definition = { file = vim.fn.expand('%:t'), line = vim.fn.getline('.') }
  seen.clients = #vim.lsp.get_active_clients()
end

local ok, problem = xpcall(run, debug.traceback)
if not ok then seen.problem = problem .. '\n' .. vim.inspect(seen) end
finish()
vim.cmd('qall!')
