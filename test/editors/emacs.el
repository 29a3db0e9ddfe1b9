;;; emacs.el --- Uses vsva in Emacs as a person would  -*- lexical-binding: t; -*-
;; Loaded behind the configuration of docs/editors.md. Writes what it saw as JSON to the file named by $VSVA_SEEN.

(require 'cl-lib)
(require 'eglot)
(require 'json)

(defvar vsva-seen nil)
(defun vsva-saw (key value) (push (cons key value) vsva-seen))

(defun vsva-wait (what condition)
  "Run timers and read from processes until CONDITION holds; fail with WHAT otherwise."
  (let ((end (+ (float-time) 20)) found)
    (while (and (not (setq found (funcall condition))) (< (float-time) end))
      (accept-process-output nil 0.02))
    (or found (error "%s did not come" what))))

(defun vsva-find (text)
  "Go to the beginning of the first TEXT."
  (goto-char (point-min))
  (search-forward text)
  (goto-char (match-beginning 0)))

(defun vsva-diagnostics ()
  (flymake-start)
  (mapcar (lambda (d)
            `((line . ,(line-number-at-pos (flymake-diagnostic-beg d)))
              (text . ,(substring-no-properties (flymake-diagnostic-text d)))
              (about . ,(buffer-substring-no-properties (flymake-diagnostic-beg d) (flymake-diagnostic-end d)))))
          (flymake-diagnostics)))

(defun vsva-run ()
  (vsva-saw 'version (format "Emacs %s" emacs-version))
  (find-file (getenv "VSVA_FILE"))
  (vsva-saw 'mode (symbol-name major-mode))
  ;; `eglot-ensure' connects behind the command that opened the file.
  (run-hooks 'post-command-hook)
  (vsva-wait "the server" #'eglot-current-server)
  (vsva-saw 'diagnostics (vconcat (vsva-wait "a diagnostic" #'vsva-diagnostics)))
  ;; Behind letters of several bytes.
  (vsva-find "expect ok")
  (forward-char (length "expect "))
  (pcase-let ((`(,beg ,end ,table . ,_) (eglot-completion-at-point)))
    (vsva-saw 'completion (vconcat (mapcar #'substring-no-properties (all-completions "" table))))
    (vsva-saw 'replaces (buffer-substring-no-properties beg end)))
  (vsva-find "dma read")
  (vsva-saw 'hover
            (plist-get (plist-get (jsonrpc-request (eglot-current-server) :textDocument/hover
                                                   (eglot--TextDocumentPositionParams))
                                  :contents)
                       :value))
  ;; The code action is chosen by its title.
  (vsva-find "expect fault")
  ;; A key as the last event: the choice is made in the minibuffer and not in a menu of the mouse.
  (let ((before (buffer-string)) (last-nonmenu-event ?\C-m))
    (cl-letf (((symbol-function 'completing-read)
               (lambda (_prompt titles &rest _)
                 (let ((all (mapcar (lambda (it) (if (consp it) (car it) it)) titles)))
                   (vsva-saw 'actions (vconcat all))
                   (cl-find-if (lambda (title) (string-search (getenv "VSVA_ACTION") title)) all)))))
      (eglot-code-actions (line-beginning-position) (line-end-position) nil t))
    (vsva-wait "the edit of a code action" (lambda () (not (equal before (buffer-string))))))
  (eglot--signal-textDocument/didChange)
  (vsva-wait "a file without diagnostics" (lambda () (null (vsva-diagnostics))))
  (vsva-saw 'text (buffer-substring-no-properties (point-min) (point-max)))
  (save-buffer)
  (vsva-find "submit bind")
  (forward-char (length "submit "))
  (xref-find-definitions "bind")
  (vsva-saw 'definition `((file . ,(file-name-nondirectory buffer-file-name))
                          (line . ,(buffer-substring-no-properties (line-beginning-position) (line-end-position))))))

(condition-case problem
    (vsva-run)
  (error (vsva-saw 'problem (format "%S" problem))))
(with-temp-file (getenv "VSVA_SEEN") (insert (json-encode vsva-seen)))
(kill-emacs 0)
